"""Details in Swedish of findings about logs, their entries and the files that bring them; see ``details_sv``."""

from __future__ import annotations

from collections.abc import Sequence

HISTORIES: Sequence[tuple[str, str]] = (
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

ENTRIES: Sequence[tuple[str, str]] = (
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

FILES: Sequence[tuple[str, str]] = (
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
        "en anteckning: kontrollpunkten är inte underskriven av {log}",
    ),
    ("a note: the line of {name} does not hold", "en anteckning: raden från {name} håller inte"),
    ("{where} cannot be read", "{where} går inte att läsa"),
    ("{where}: the line of {name} does not hold", "{where}: raden från {name} håller inte"),
    ("{where}: the checkpoint is not signed by {log}", "{where}: kontrollpunkten är inte underskriven av {log}"),
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
