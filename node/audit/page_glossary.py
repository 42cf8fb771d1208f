"""The words of the trade that a report explains, in the forms in which they are linked; Swedish and English.

Every word of ``tests/plain_words.txt`` has its place here, so that a page can link it. In Swedish the genitive of each
form is linked as well, without being listed.
"""

from __future__ import annotations

from collections.abc import Mapping

# {anchor: (forms, meaning)}; the first form heads the entry.
GLOSSARY_EN: Mapping[str, tuple[tuple[str, ...], str]] = {
    "budget": (
        ("privacy budget",),
        "How much all that leaves may reveal about any one patient, as the study set it before it began. It is counted"
        " in epsilon.",
    ),
    "bundle": (("bundle", "bundles"), "The file in which a region hands over its log, signed by the region."),
    "checkpoint": (
        ("checkpoint", "checkpoints"),
        "A signed statement of a region: so long is my log, and this number stands for all of it.",
    ),
    "cohort": (("cohort", "cohorts"), "The regions whose values are added up together."),
    "commitment": (
        ("commitment", "commitments", "committed"),
        "A number that fixes a value without showing it; the value can be shown later.",
    ),
    "cosignature": (
        ("cosignature", "cosignatures", "cosigner"),
        "A neighbour's signature under a region's checkpoint: I have seen this.",
    ),
    "entry": (
        ("entry", "entries"),
        "One numbered record in a log: something that a region did, sent or received.",
    ),
    "envelope": (("envelope", "envelopes"), "A signed message together with its place in its sender's log."),
    "epoch": (("epoch", "epochs"), "A log from its beginning; after a loss a region begins a new one and says so."),
    "epsilon": (
        ("epsilon",),
        "The measure of the privacy budget: the smaller, the less one patient changes what others can see.",
    ),
    "fork": (("fork", "forks"), "Two histories of one log that exclude each other."),
    "gossip": (("gossip",), "Averaging with neighbours only, round after round, without a centre."),
    "hash": (
        ("hash", "hashes", "sha-256", "fingerprint", "fingerprints"),
        "A number that stands for a file: another file has another one.",
    ),
    "head": (("head", "heads"), "How long a log is and the number that stands for all of it, at one moment."),
    "leaf": (("leaf", "leaves"), "One entry of a log, as bytes."),
    "log": (
        ("log", "logs", "logged"),
        "The list of all that a region did and said in a study, which cannot be changed unseen.",
    ),
    "mask": (
        ("mask", "masks", "masked", "masking"),
        "A random number that covers a value; all masks of one sum cancel, so that only the sum can be read.",
    ),
    "merkle": (("tree", "merkle"), "A way to compute one number over a whole log so that each entry can be proven."),
    "mirror": (("mirror", "mirrors"), "A neighbour's copy of a region's log."),
    "mix": (
        ("mixing", "mix", "mixes"),
        "What a region does at the end of a round: it takes the average of its own model and its neighbours'.",
    ),
    "node": (("node", "nodes"), "The program that takes part in a study for a region."),
    "noise": (
        ("noise",),
        "Random numbers added before anything leaves, so that one patient hardly changes what others can see.",
    ),
    "nonce": (("nonce", "nonces"), "A number that is used once."),
    "payload": (("payload", "payloads"), "What a message carries: covered numbers, for instance."),
    "protocol": (("protocol",), "The rules by which the regions' programs talk to each other."),
    "release": (
        ("release key", "release keys"),
        "A region's second key, for its releases and for protecting its log for the long term.",
    ),
    "ring": (("ring",), "Whole numbers that start again at nought beyond a largest one; or regions in a circle."),
    "root": (("root", "roots"), "The number that stands for a whole log."),
    "roster": (("roster", "rosters"), "The signed list of the regions and their keys."),
    "round": (
        ("round", "rounds"),
        "One step of the joint training: each region trains by itself, then they take an average.",
    ),
    "session": (("session", "sessions"), "One addition of covered values towards one region."),
    "topology": (("topology",), "Who is whose neighbour."),
    "witness": (("witness", "witnesses"), "A neighbour that signs what it has seen of another's log."),
}
GLOSSARY_SV: Mapping[str, tuple[tuple[str, ...], str]] = {
    "budget": (
        ("integritetsbudget", "integritetsbudgeten"),
        "Hur mycket allt som lämnar får avslöja om en enskild patient, så som studien bestämde innan den började. Den"
        " räknas i epsilon.",
    ),
    "bundle": (
        ("paket", "paketet", "paketen", "bevispaket", "bevispaketet"),
        "Filen där en region lämnar över sin logg, underskriven av regionen.",
    ),
    "checkpoint": (
        ("kontrollpunkt", "kontrollpunkten", "kontrollpunkter", "kontrollpunkterna"),
        "En regions underskrivna utsaga: så lång är min logg, och det här talet står för hela.",
    ),
    "cohort": (
        ("deltagarkrets", "deltagarkretsen", "deltagarkretsar", "krets", "kretsen"),
        "Regionerna vars värden läggs ihop.",
    ),
    "commitment": (
        ("låst", "låste", "låsning", "låsningen"),
        "Ett tal som binder ett värde utan att visa det; värdet kan visas senare.",
    ),
    "cosignature": (
        ("medunderskrift", "medunderskriften", "medunderskrifter", "medundertecknare", "medundertecknaren"),
        "En grannes underskrift under en regions kontrollpunkt: det här har jag sett.",
    ),
    "entry": (
        ("post", "posten", "poster", "posterna"),
        "En numrerad anteckning i en logg: något som en region gjort, skickat eller tagit emot.",
    ),
    "envelope": (("kuvert", "kuvertet"), "Ett underskrivet meddelande tillsammans med sin plats i avsändarens logg."),
    "epoch": (
        ("epok", "epoken", "epoker"),
        "En logg från sin början; efter en förlust börjar regionen en ny och säger det.",
    ),
    "epsilon": (
        ("epsilon",),
        "Måttet på integritetsbudgeten: ju mindre, desto mindre ändrar en patient det som andra kan se.",
    ),
    "fork": (("förgrening", "förgreningen", "förgreningar"), "Två historier av samma logg som utesluter varandra."),
    "gossip": (("skvaller",), "Medelvärden med grannarna, runda efter runda, utan något centrum."),
    "hash": (
        (
            "kontrollsumma",
            "kontrollsumman",
            "kontrollsummor",
            "sha-256",
            "fingeravtryck",
            "fingeravtrycket",
            "fingeravtrycken",
        ),
        "Ett tal som står för en fil: en annan fil har ett annat.",
    ),
    "head": (("läge", "läget"), "Hur lång en logg är och talet som står för hela, vid ett ögonblick."),
    "leaf": (("löv", "lövet", "löven"), "En post i en logg, som byte."),
    "log": (
        ("logg", "loggen", "loggar", "loggarna", "loggad", "loggade", "loggades", "loggat"),
        "Listan över allt som en region gjort och sagt i en studie; den går inte att ändra obemärkt.",
    ),
    "mask": (
        ("mask", "masken", "masker", "maskerna", "maskera", "maskerad", "maskerat", "maskerade"),
        "Ett slumptal som täcker ett värde; alla masker i en summa tar ut varandra, så att bara summan går att läsa.",
    ),
    "merkle": (
        ("träd", "trädet", "merkle"),
        "Ett sätt att räkna ut ett tal över en hel logg så att varje post kan bevisas.",
    ),
    "mirror": (("spegel", "spegeln", "speglar"), "En grannes kopia av en regions logg."),
    "mix": (
        ("blandning", "blandningen", "blandningar", "blandningarna"),
        "Det som en region gör sist i en runda: den tar medelvärdet av sin egen modell och grannarnas.",
    ),
    "node": (("nod", "noden", "noder", "noderna"), "Programmet som deltar i en studie för en region."),
    "noise": (
        ("brus", "bruset"),
        "Slumptal som läggs till innan något lämnar, så att en enskild patient knappt ändrar vad andra kan se.",
    ),
    "nonce": (("engångstal",), "Ett tal som används en gång."),
    "payload": (
        ("nyttolast", "nyttolasten", "nyttolaster"),
        "Det som ett meddelande bär: övertäckta tal, till exempel.",
    ),
    "protocol": (("protokollet", "protokoll"), "Reglerna som regionernas program talar med varandra efter."),
    "release": (
        ("frisläppningsnyckel", "frisläppningsnyckeln"),
        "En regions andra nyckel, för det som den släpper och för att skydda loggen på lång sikt.",
    ),
    "ring": (("ring", "ringen"), "Heltal som börjar om på noll efter ett största; eller regioner i en cirkel."),
    "root": (("rot", "roten"), "Talet som står för en hel logg."),
    "roster": (("regionlista", "regionlistan"), "Den underskrivna listan över regionerna och deras nycklar."),
    "round": (
        ("runda", "rundan", "rundor", "rundorna"),
        "Ett steg i den gemensamma träningen: varje region tränar själv, sedan tar de ett medelvärde.",
    ),
    "session": (
        ("session", "sessionen", "sessioner", "sessionerna"),
        "En sammanläggning av övertäckta värden hos en region.",
    ),
    "topology": (("topologi", "topologin"), "Vem som är granne med vem."),
    "witness": (("vittne", "vittnet", "vittnen"), "En granne som skriver under det den sett av en annans logg."),
}

GLOSSARY: Mapping[str, Mapping[str, tuple[tuple[str, ...], str]]] = {"en": GLOSSARY_EN, "sv": GLOSSARY_SV}
