"""Details of findings in Swedish, each beside the English sentence that a check writes; see ``details``.

The first pattern that fits counts: what is said of another detail (how many more there are) comes first, the general
forms (a round, an entry, a detail) last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_AROUND: Sequence[tuple[str, str]] = (
    ("{what}; and {n} more of this kind", "{what}; och {n} till av samma slag"),
    ("{what}; {n} messages say so", "{what}; {n} meddelanden säger det"),
    ("{what}; up to entry {n} they agree", "{what}; till och med post {n} stämmer de överens"),
    ("and {n} more of this kind", "och {n} till av samma slag"),
    ("; {n} messages say so", "; {n} meddelanden säger det"),
)

_HISTORIES: Sequence[tuple[str, str]] = (
    (
        "a message that {region} holds names another history of its first {n} entries",
        "ett meddelande som finns hos {region} anger en annan historia för de första {n} posterna",
    ),
    ("{region} holds the message", "meddelandet finns hos {region}"),
    (
        ", among them a message of this study that {region} holds",
        ", däribland ett meddelande i den här studien som finns hos {region}",
    ),
    (
        "{region} and {second} were shown two histories of its first {n} entries",
        "{region} och {second} fick se två olika historier för de första {n} posterna",
    ),
    (
        "{region} holds a message of another history than {second} copied",
        "hos {region} finns ett meddelande ur en annan historia än den som {second} kopierade",
    ),
    (
        "the checkpoint over {n} entries in {names} is of another history",
        "kontrollpunkten över {n} poster i {names} hör till en annan historia",
    ),
    (
        "{region} and {second} hold different messages signed as entry {n}",
        "hos {region} och {second} finns olika meddelanden, båda underskrivna som post {n}",
    ),
    (
        "a message that {region} holds and a checkpoint are of different histories",
        "ett meddelande som finns hos {region} och en kontrollpunkt hör till olika historier",
    ),
    ("two {type} for one session, held by {regions}", "två {type} för en och samma session, hos {regions}"),
    (
        "what {region} copied differs from what was handed over at entry {n}",
        "det som {region} kopierade skiljer sig från det överlämnade vid post {n}",
    ),
    (
        "{region} was shown another history of its first {n} entries",
        "{region} fick se en annan historia för de första {n} posterna",
    ),
    (
        "the new log names another history of the first {n} entries of {log} than was handed over",
        "den nya loggen anger en annan historia för de första {n} posterna i {log} än den överlämnade",
    ),
    (
        "the new log names another history of the first {n} entries of {log} than {region} was shown",
        "den nya loggen anger en annan historia för de första {n} posterna i {log} än den som {region} fick se",
    ),
    (
        "the new log names another history of the first {n} entries of {log} than a message that {region} holds",
        "den nya loggen anger en annan historia för de första {n} posterna i {log} än ett meddelande hos {region}",
    ),
    ("round {round} has {kind} in {log} and in {second}", "runda {round} har {kind} både i {log} och i {second}"),
    ("after {n} entries of {log}: {code}", "efter {n} poster i {log}: {code}"),
    ("key set {n}: {code}", "nyckeluppsättning {n}: {code}"),
)

_ENTRIES: Sequence[tuple[str, str]] = (
    ("by {n} ms", "med {n} ms"),
    ("other studies", "andra studier"),
    ("the first entry names other keys than the roster", "den första posten anger andra nycklar än regionlistan"),
    ("a message of {region}, log {log}", "ett meddelande från {region}, logg {log}"),
    ("the head is of the log {log}", "det angivna läget gäller loggen {log}"),
    ("the head says entry {n}", "det angivna läget säger post {n}"),
    (
        "the head has another root over the first {n} entries",
        "det angivna läget har en annan rot för de första {n} posterna",
    ),
    ("says it is entry {n} of {log}", "säger sig vara post {n} i {log}"),
    (
        "is {kind}; a log begins with log.genesis, and only begins so",
        "är {kind}; en logg börjar med log.genesis, och bara så",
    ),
    ("names {log} as the log before it", "anger {log} som loggen före"),
    ("founds the log of {log}", "grundar loggen för {log}"),
    ("holds as sent a message of {region}", "har som sänt ett meddelande från {region}"),
    ("is filed under another study than its message", "är förd till en annan studie än sitt meddelande"),
    (
        "founds epoch {n} without naming the log before it",
        "grundar epok {n} utan att ange loggen före",
    ),
    ("a head of {log}", "ett läge av {log}"),
    ("a cosignature of {region}", "en medunderskrift av {region}"),
    (
        "entry {at} is dated {n} ms after others confirmed it",
        "post {at} är daterad {n} ms efter att andra bekräftat den",
    ),
    (
        "entry {at} is dated {n} ms before a time that it cites",
        "post {at} är daterad {n} ms före en tid som den själv anger",
    ),
    ("a record of {n} bytes; an entry has at most {m}", "en post på {n} byte; högst {m} är tillåtna"),
    ("{n} bytes are left that are no record", "{n} byte är över som inte är någon post"),
)

_STUDY: Sequence[tuple[str, str]] = (
    ("round {round} was trained with other settings", "runda {round} tränades med andra inställningar"),
    (
        "round {round} was trained with code that the plan does not name",
        "runda {round} tränades med kod som planen inte anger",
    ),
    ("round {round} has a statement of privacy", "runda {round} har en uppgift om integritet som planen inte har"),
    ("round {round} lacks a statement of privacy", "runda {round} saknar uppgift om integritet"),
    (
        "round {round} was trained with less noise than the plan's least",
        "runda {round} tränades med mindre brus än planens minsta",
    ),
    ("round {round} states another delta", "runda {round} anger ett annat delta"),
    ("the study was begun with masking {code}", "studien började med maskering {code}"),
    ("the study was begun with another {code}", "studien började med {code}"),
    (
        "round {round}: a mean of {n} buckets; at least {m} are needed",
        "runda {round}: ett medelvärde av {n} grupper; minst {m} behövs",
    ),
    ("round {round}: weights over {n}, by the plan {m}", "runda {round}: vikter delade med {n}, enligt planen {m}"),
    ("round {round}: {region} weighs {n}, by the plan {m}", "runda {round}: {region} väger {n}, enligt planen {m}"),
    ("a sum over {n} of {m} others; all are needed", "en summa över {n} av {m} andra; alla behövs"),
    (
        "{region} is not among those who send to {second}",
        "{region} är inte bland dem som sänder till {second}",
    ),
    ("a sum over {n}; at least {m} are needed", "en summa över {n}; minst {m} behövs"),
    ("{region} was left out without its whole group", "{region} lämnades utanför utan hela sin grupp"),
    ("entry {n}: {region} does not take part in this study", "post {n}: {region} deltar inte i den här studien"),
    (
        "entry {n}: a {type} went to {region}, which does not take part",
        "post {n}: ett {type} gick till {region}, som inte deltar",
    ),
    ("a {type} of a region that does not take part", "ett {type} från en region som inte deltar"),
    (
        "round {round}: a {type} for {region}, which is no neighbour",
        "runda {round}: ett {type} till {region}, som inte är någon granne",
    ),
    ("round {round} mixed a sum of another round", "runda {round} använde en summa från en annan runda"),
    ("round {round} opened a sum of another round", "runda {round} öppnade en summa från en annan runda"),
    (
        "round {round} mixed another sum than its session gave",
        "runda {round} använde en annan summa än den som sessionen gav",
    ),
    ("round {round} has {kind} at entries {n} and {m}", "runda {round} har {kind} både som post {n} och {m}"),
    (
        "round {round}: {region} has a receipt (entry {n}), and was not added up",
        "runda {round}: {region} har ett kvitto (post {n}) och räknades inte med",
    ),
    (
        "round {round}: {region} has a receipt (entry {n}) and was then called lost",
        "runda {round}: {region} har ett kvitto (post {n}) och kallades sedan förlorad",
    ),
    (
        "round {round}: {region} was called lost, and {second} has a receipt for it",
        "runda {round}: {region} kallades förlorad, och {second} har ett kvitto för den",
    ),
    (
        "entry {n}: the self mask of {region}, which is no survivor, was opened",
        "post {n}: den egna masken för {region}, som föll ifrån, öppnades",
    ),
    (
        "entry {n}: a pair mask of {region} was opened, which is a survivor",
        "post {n}: en parmask för {region}, som inte föll ifrån, öppnades",
    ),
    (
        "round {round} began from another model than the plan's",
        "runda {round} började från en annan modell än planens",
    ),
    (
        "round {round} began from another model than round {other} gave",
        "runda {round} började från en annan modell än den som runda {other} gav",
    ),
    (
        "round {round}: epsilon {value}, by the plan at most {bound}",
        "runda {round}: epsilon {value}, enligt planen högst {bound}",
    ),
    (
        "round {round}: epsilon of the {code} is stated as {stated}, is {value}",
        "runda {round}: epsilon för {code} anges som {stated}, är {value}",
    ),
    ("round {round}: delta {value}", "runda {round}: delta {value}"),
    (
        "it began as entry {n}, no acceptance stands before it",
        "den började som post {n}, inget godkännande står före",
    ),
    ("round {round} has no end and no excuse", "runda {round} saknar slut och har ingen förklaring"),
    ("it mixed a sum that no session gave", "den använde en summa som ingen session gav"),
    (
        "the sum of round {round} holds a value of {region}, which sent none in it but in {other}",
        "summan i runda {round} har ett värde från {region}, som inte sände något i den men i {other}",
    ),
    (
        "the sum of round {round} holds a value of {region} that never came",
        "summan i runda {round} har ett värde från {region} som aldrig kom",
    ),
    ("round {round}: {n} of {m} within {other} rounds", "runda {round}: {n} av {m} inom {other} rundor"),
)

_RESULTS: Sequence[tuple[str, str]] = (
    (
        "{code} of entry {n} does not open what was committed to",
        "{code} för post {n} öppnar inte det som var låst",
    ),
    (
        "round {round}: the mix of what was opened and what was received is another model",
        "runda {round}: medelvärdet av det öppnade och det mottagna är en annan modell",
    ),
    (
        "round {round}: the update is of another length than its norm_bucket, {n}",
        "runda {round}: uppdateringen har en annan längd än den angivna storleksklassen, {n}",
    ),
    (
        "round {round}: what was mixed is not what was trained",
        "runda {round}: det som användes är inte det som tränades fram",
    ),
    ("round {round}: the mean of all is another model", "runda {round}: medelvärdet av alla är en annan modell"),
    (
        "round {round}: what {regions} opened does not add up to the sum of what they sent",
        "runda {round}: det som {regions} öppnade ger inte summan av det de sände",
    ),
    (
        "round {round}: another sum than that of the {n} payloads",
        "runda {round}: en annan summa än den av de {n} nyttolasterna",
    ),
    (
        "round {round}: its PARTIAL is another sum than that of the {n} payloads in it",
        "runda {round}: dess PARTIAL är en annan summa än den av de {n} nyttolasterna i den",
    ),
    ("seeds of masks, {what}", "frön till masker, {what}"),
    ("{n} sums of rounds {round} to {other}", "{n} summor i rundorna {round} till {other}"),
    ("the value of {region} in round {round}", "värdet från {region} i runda {round}"),
    ("round {round}", "runda {round}"),
    # A release.
    (
        "the approval of {region} is by key set {n}, revoked before it",
        "godkännandet från {region} är gjort med nyckeluppsättning {n}, som spärrats dessförinnan",
    ),
    (
        "the approval of {region} that it names does not stand before it",
        "godkännandet från {region} som den anger står inte före den",
    ),
    (
        "it names an approval of {region}, which takes no part in the study",
        "den anger ett godkännande från {region}, som inte deltar i studien",
    ),
    ("it names one approval twice", "den anger ett godkännande två gånger"),
    ("{n} approvals; the plan asks for {m}", "{n} godkännanden; planen kräver {m}"),
    (
        "the approval that it names for {region} is {second}'s",
        "godkännandet som den anger för {region} är {second}s",
    ),
    (
        "the approval of {region} is of another study, or of a {code}",
        "godkännandet från {region} gäller en annan studie, eller {code}",
    ),
    ("the approval of {region} is of another file", "godkännandet från {region} gäller en annan fil"),
    ("the approval of {region} is of another card", "godkännandet från {region} gäller ett annat kort"),
    (
        "the test {name} has no figure; the plan asks for at least {bound}",
        "provet {name} har inget tal; planen kräver minst {bound}",
    ),
    (
        "the test {name} has no figure; the plan asks for at most {bound}",
        "provet {name} har inget tal; planen kräver högst {bound}",
    ),
    (
        "the test {name} gave {value}; the plan asks for at least {bound}",
        "provet {name} gav {value}; planen kräver minst {bound}",
    ),
    (
        "the test {name} gave {value}; the plan asks for at most {bound}",
        "provet {name} gav {value}; planen kräver högst {bound}",
    ),
)

_FILES: Sequence[tuple[str, str]] = (
    (
        "rosters {names} of one network; name the study that you mean",
        "regionlistorna {names} för ett och samma nät; ange studien som menas",
    ),
    ("manifest.note is missing", "manifest.note saknas"),
    ("the key of its log is not known", "nyckeln för dess logg är inte känd"),
    ("manifest.note is not in its form", "manifest.note har inte sin form"),
    (
        "manifest.note is not signed by the log key of {log}",
        "manifest.note är inte underskriven med loggens nyckel, {log}",
    ),
    ("the files are not those that it signs", "filerna är inte de som den skriver under"),
    ("its checkpoint cannot be read", "dess kontrollpunkt går inte att läsa"),
    ("the file is called {name} and is {other_name}", "filen heter {name} och är {other_name}"),
    ("named {name}, found no plan", "angiven {name}, men ingen plan finns"),
    ("named {name}, found {names}", "angiven {name}, men här finns {names}"),
    ("roster {name}, which the plan names, is not there", "regionlistan {name}, som planen anger, finns inte"),
    ("roster {name} follows from no plan", "regionlistan {name} följer inte av någon plan"),
    ("{file}, line {n}", "{file}, rad {n}"),
    ("{file} is missing", "{file} saknas"),
    ("payloads/{name}", "payloads/{name}"),
    ("it is of the log {log}", "den gäller loggen {log}"),
    ("the key is that of {log}", "nyckeln är den för {log}"),
    ("the line of {name}", "raden från {name}"),
    ("a note cannot be read", "en anteckning går inte att läsa"),
    (
        "a note: the checkpoint is not signed by {log}",
        "en anteckning: kontrollpunkten är inte undertecknad av {log}",
    ),
    ("a note: the line of {name} does not hold", "en anteckning: raden från {name} håller inte"),
    ("{where} cannot be read", "{where} går inte att läsa"),
    ("{where}: the line of {name} does not hold", "{where}: raden från {name} håller inte"),
    ("{where}: the checkpoint is not signed by {log}", "{where}: kontrollpunkten är inte undertecknad av {log}"),
    ("{n} entries, and a checkpoint over {m}", "{n} poster, och en kontrollpunkt över {m}"),
    (
        "the entries have the root {name}, signed is {other_name}",
        "posterna har roten {name}, underskriven är {other_name}",
    ),
    ("{file}: the checkpoint cannot be read", "{file}: kontrollpunkten går inte att läsa"),
    ("{file}: the checkpoint is not signed by {log}", "{file}: kontrollpunkten är inte underskriven av {log}"),
    (
        "{file}: its {n} hashes do not add up to the checkpoint over {m}",
        "{file}: dess {n} kontrollsummor ger inte kontrollpunkten över {m}",
    ),
    # A file that is no bundle.
    ("the file has {n} bytes: too short for a bundle", "filen har {n} byte: för kort för ett bevispaket"),
    ("the file has {n} bytes; at most {m} are allowed", "filen har {n} byte; högst {m} är tillåtna"),
    (
        "no ZIP directory at the very end of the file: cut, extended or not ZIP",
        "ingen ZIP-förteckning allra sist i filen: den är kapad, förlängd eller ingen ZIP-fil",
    ),
    ("not a regular file", "ingen vanlig fil"),
    ("the file cannot be read: {names}", "filen går inte att läsa: {names}"),
    (
        "{file}: its bytes are not those that manifest.txt names",
        "{file}: innehållet är inte det som manifest.txt anger",
    ),
    ("{file}: its bytes do not match their CRC", "{file}: innehållet stämmer inte med sin egen kontrollkod"),
    ("{file} is in manifest.txt and not in the file", "{file} finns i manifest.txt men inte i filen"),
    ("{file} is in the file and not in manifest.txt", "{file} finns i filen men inte i manifest.txt"),
    ("{file} is in the file twice", "{file} finns två gånger i filen"),
    ("{file}: the file ends inside it", "{file}: filen slutar mitt i den"),
    ("{file}: its packed bytes are damaged", "{file}: det packade innehållet är skadat"),
    ("{file}: its packed bytes end too early", "{file}: det packade innehållet slutar för tidigt"),
    ("{file}: unpacks to another length than declared", "{file}: blir en annan längd uppackad än den angivna"),
    ("{file}: header and directory disagree", "{file}: huvud och förteckning säger olika"),
    ("bytes that belong to no member", "byte som inte hör till någon del"),
    ("a file of the name {file} belongs to no bundle", "en fil med namnet {file} hör inte till något bevispaket"),
    ("{n} logs; a bundle holds those of one region", "{n} loggar; ett bevispaket har en enda regions"),
)

_GENERAL: Sequence[tuple[str, str]] = (
    ("entry {n}: {what}", "post {n}: {what}"),
    ("round {round}: {what}", "runda {round}: {what}"),
    ("entry {n}", "post {n}"),
)

SV: Sequence[tuple[str, str]] = (*_AROUND, *_HISTORIES, *_ENTRIES, *_STUDY, *_RESULTS, *_FILES, *_GENERAL)

SV_CODES: Mapping[str, str] = {
    "and": "och",
    "comma": ",",
    "english": "på engelska",
    # Why a log was begun anew, a key revoked, an entry erased.
    "disk": "disken gick förlorad",
    "rollback": "en gammal kopia återställdes",
    "lost": "förlorad",
    "stolen": "stulen",
    "misused": "missbrukad",
    "left": "innehavaren har slutat",
    "erasure": "raderad på begäran",
    "order": "raderad efter beslut",
    "secrecy": "raderad på grund av sekretess",
    "error": "raderad på grund av fel",
    # What a study was begun with.
    "init": "en annan första modell",
    "roster": "en annan regionlista",
    "regions": "andra regioner",
    "off": "avstängd",
    "auto": "enligt grannskap",
    # Epsilon of what.
    "round": "rundan",
    "study": "studien",
    "data": "data",
    "model": "en modell",
    # What a region opens.
    "delta": "uppdateringen",
    "own": "det egna värdet",
    "base": "modellen som rundan började från",
    "set": "testraderna",
    "metrics": "måtten",
}
"""Words of closed lists that stand in a detail; what is not here is given as it is."""
