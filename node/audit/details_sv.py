"""Details of findings in Swedish, each beside the English sentence that a check writes; see ``details``.

The first pattern that fits counts: what is said of another detail (how many more there are) comes first, the general
forms (a round, an entry, a detail) last. Those about logs and files are in ``details_sv_logs``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from node.audit.details_sv_logs import ENTRIES, FILES, HISTORIES

_AROUND: Sequence[tuple[str, str]] = (
    ("{what}; and {n} more of this kind", "{what}; och {n} till av samma slag"),
    ("{what}; {n} messages say so", "{what}; {n} meddelanden säger det"),
    ("{what}; up to entry {n} they agree", "{what}; till och med post {n} stämmer de överens"),
    ("and {n} more of this kind", "och {n} till av samma slag"),
    ("; {n} messages say so", "; {n} meddelanden säger det"),
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
        "efter runda {round}: epsilon {value}, enligt planen högst {bound}",
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

_GENERAL: Sequence[tuple[str, str]] = (
    ("entry {n}: {what}", "post {n}: {what}"),
    ("round {round}: {what}", "runda {round}: {what}"),
    ("entry {n}", "post {n}"),
)

SV: Sequence[tuple[str, str]] = (*_AROUND, *HISTORIES, *ENTRIES, *_STUDY, *_RESULTS, *FILES, *_GENERAL)

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
    # What a line for the long term should cover.
    "study.end": "en studies slut",
    "model.release": "släppet av en modell",
    "data.release": "släppet av påhittade patienter",
    # What a region opens.
    "delta": "uppdateringen",
    "own": "det egna värdet",
    "base": "modellen som rundan började från",
    "set": "testraderna",
    "metrics": "måtten",
}
"""Words of closed lists that stand in a detail; what is not here is given as it is."""
