"""What the gate of a region's data says, English and Swedish: pairs of sentences with the same holes.

The order counts where two patterns fit one sentence: the longer one first. See ``sheet_details`` for the holes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

FOUND: Sequence[tuple[str, str]] = (
    ("{n} rows", "{n} rader"),
    ("{n} of {m} rows are the same as an earlier one", "{n} av {m} rader är lika en tidigare"),
    (
        "{n} rows name no patient, and each counts as a patient of its own",
        "{n} rader anger ingen patient, och var och en räknas som en egen patient",
    ),
    (
        "by {names} the smallest group has {n} of {m} patients ({f}% of patients are alone): what leaves the region is"
        " made coarser",
        "efter {names} har den minsta gruppen {n} av {m} patienter ({f} % av patienterna är ensamma): det som lämnar"
        " regionen görs grövre",
    ),
    # one column of numbers
    ("{n} of {m} values are missing", "{n} av {m} värden saknas"),
    ("all values are equal", "alla värden är lika"),
    (
        "{n} of {m} values lie more than {f} robust deviations from the median",
        "{n} av {m} värden ligger mer än {f} robusta avvikelser från medianen",
    ),
    (
        "{n} of {m} values are one number apart from all others: perhaps a code for missing",
        "{n} av {m} värden är ett och samma tal långt från alla andra: kanske en kod för saknat värde",
    ),
    (
        "{n} of {m} values look as if they were in another unit ({unit}, not {own})",
        "{n} av {m} värden ser ut att vara i en annan enhet ({unit}, inte {own})",
    ),
    ("its distribution has moved: PSI {f}, over {g}", "fördelningen har flyttat sig: PSI {f}, över {g}"),
    (
        "its distribution is not that of {what}: PSI {f}, over {g}",
        "fördelningen är inte den hos {what}: PSI {f}, över {g}",
    ),
    ("all regions of study {id}", "alla regioner i studien {id}"),
    # ranges, categories, labels
    (
        "{n} of {m} values are in no category and count as other",
        "{n} av {m} värden hör till ingen kategori och räknas som övriga",
    ),
    ("{n} of {m} values lie outside its range", "{n} av {m} värden ligger utanför kolumnens intervall"),
    (
        "{n} of {m} values lie outside its range and are clipped to it",
        "{n} av {m} värden ligger utanför kolumnens intervall och flyttas till dess gräns",
    ),
    (
        "{n} of {m} values lie outside its range and become missing",
        "{n} av {m} värden ligger utanför kolumnens intervall och räknas som saknade",
    ),
    (
        "{n} of {m} values lie outside its range, all the same one",
        "{n} av {m} värden ligger utanför kolumnens intervall, alla ett och samma värde",
    ),
    (
        "looks swapped with column {name}: each one's values fit the other's range",
        "ser ut att vara omkastad med kolumnen {name}: bådas värden passar i den andras intervall",
    ),
    (
        "may have been swapped with column {names}: each one's values fit the other's range",
        "kan ha kastats om med kolumnen {names}: bådas värden passar i den andras intervall",
    ),
    ("no row has a label", "ingen rad har något utfall"),
    ("no row has this label", "ingen rad har detta utfall"),
    ("every row has this label", "varje rad har detta utfall"),
    (
        "no event is seen: this region's rounds change nothing",
        "ingen händelse finns med: regionens rundor ändrar ingenting",
    ),
    (
        "only one class is present: this region's own AUROC is undefined, and alone it learns nothing",
        "bara en klass finns med: regionens egen AUROC är odefinierad, och ensam lär den sig ingenting",
    ),
    ("class {name} has under {f}% of the rows", "klassen {name} har under {f} % av raderna"),
    ("the label is missing in all {n} rows", "utfallet saknas på alla {n} rader"),
    (
        "the label is missing in {n} rows (first in line {at})",
        "utfallet saknas på {n} rader (den första är rad {at})",
    ),
    (
        "the label has a class that the manifest does not list in {n} rows (first in line {at})",
        "utfallet har på {n} rader en klass som inte står i manifestet (den första är rad {at})",
    ),
    # cells
    (
        "{n} cells are no {kind} (first in line {at}), and look like numbers with a decimal comma",
        "{n} celler är inte {kind} (den första på rad {at}) och ser ut som tal med decimalkomma",
    ),
    ("{n} cells are no {kind} (first in line {at})", "{n} celler är inte {kind} (den första på rad {at})"),
    ("{n} cells are empty (first in line {at})", "{n} celler är tomma (den första på rad {at})"),
    (
        "{n} of {m} ages are over 89 and become 90, one group",
        "{n} av {m} åldrar är över 89 och blir 90, en enda grupp",
    ),
    # what identifies
    ("is a direct identifier", "identifierar direkt"),
    ("by its name it holds {noun}", "innehåller enligt sitt namn {noun}"),
    ("{n} postcodes have more than 3 digits", "{n} postnummer har mer än 3 siffror"),
    (
        "{n} of {m} cells look like {noun} (of ten-digit numbers made by chance 0.4 % do)",
        "{n} av {m} celler ser ut som {noun} (av slumpade tiosiffriga tal gör 0,4 % det)",
    ),
    ("{n} of {m} cells look like {noun}", "{n} av {m} celler ser ut som {noun}"),
    # images
    (
        "{n} of {m} images do not open (the first is image {at} in the order of reading: {why})",
        "{n} av {m} bilder går inte att öppna (den första är bild {at} i läsordningen: {why})",
    ),
    (
        "{n} different sizes; the middle square of each is scaled to one",
        "{n} olika storlekar; mittkvadraten av var och en skalas till en enda",
    ),
    ("{n} different colour modes", "{n} olika färglägen"),
    ("{n} of {m} images have one colour only", "{n} av {m} bilder har bara en färg"),
    (
        "{n} of {m} images have what may be burnt-in text at a border (the first is image {at} in the order of"
        " reading)",
        "{n} av {m} bilder har vid en kant det som kan vara inbränd text (den första är bild {at} i läsordningen)",
    ),
    (
        "{n} of {m} images look like an earlier one (difference hash within {f} bits), {at} of them like another"
        " patient's: a split by patient does not keep those together",
        "{n} av {m} bilder liknar en tidigare (difference hash inom {f} bitar), {at} av dem en annan patients: en"
        " delning efter patient håller inte ihop dem",
    ),
    (
        "{n} of {m} images look like an earlier one (difference hash within {f} bits)",
        "{n} av {m} bilder liknar en tidigare (difference hash inom {f} bitar)",
    ),
    ("{n} of {m} images {noun}", "{n} av {m} bilder {noun}"),
    # files that are no table
    ("{file} has no column {names}", "{file} har inte kolumnen {names}"),
    ("{file} has the unknown column {names}", "{file} har den okända kolumnen {names}"),
    ("{file} is not CSV ({why})", "{file} är inte CSV ({why})"),
    ("{file} cannot be read to its end", "{file} går inte att läsa till slutet"),
    ("{file} is not {name} text", "{file} är inte text i {name}"),
    ("{file} is empty", "{file} är tom"),
    ("{file} has more than {n} rows", "{file} har mer än {n} rader"),
    ("{file}: line {n} has {m} cells", "{file}: rad {n} har {m} celler"),
    ("{file} repeats a column name", "{file} upprepar ett kolumnnamn"),
    ("{file} is not Parquet that can be read", "{file} är inte Parquet som går att läsa"),
    ("{file} holds zero bytes", "{file} innehåller nollbyte"),
    ("{file} is UTF-8 text that {name} misreads", "{file} är text i UTF-8 som {name} läser fel"),
    ("{file}: {n} rows are not marked as synthetic", "{file}: {n} rader är inte märkta som syntetiska"),
)

FIXES: Sequence[tuple[str, str]] = (
    (
        "Correct them, or list the code for missing in the manifest's `missing`.",
        "Rätta dem, eller lista koden för saknat värde i manifestets `missing`.",
    ),
    (
        "Check that the header's names stand over their own columns, and the kind in the manifest.",
        "Kontrollera att namnen i huvudet står över sina egna kolumner, och typen i manifestet.",
    ),
    ('Set decimal = "," in [[file]].', 'Sätt decimal = "," i [[file]].'),
    (
        'Add missing = [""] to that column in every region\'s manifest.',
        'Lägg till missing = [""] för den kolumnen i varje regions manifest.',
    ),
    ("Remove those rows from the extract.", "Ta bort de raderna ur uttaget."),
    (
        "Make an extract with the label; a region without any takes no part in this study.",
        "Gör ett uttag med utfallet; en region utan något deltar inte i den här studien.",
    ),
    (
        "Correct the rows, or list the class in every region's manifest.",
        "Rätta raderna, eller lista klassen i varje regions manifest.",
    ),
    (
        "Fewer rows cannot hide among the others; extract more.",
        "Färre rader kan inte gömma sig bland de andras; ta ut fler.",
    ),
    ("Fill in the patient, or remove the rows.", "Fyll i patienten, eller ta bort raderna."),
    (
        "Declare bands, or fewer quasi-identifiers if others cannot know them.",
        "Ange intervall, eller färre kvasiidentifierare om andra inte kan känna till dem.",
    ),
    (
        "If it means not measured, list it in `missing` in every region's manifest.",
        "Om det betyder inte mätt, lista det i `missing` i varje regions manifest.",
    ),
    ("Convert them in the extract; one column has one unit.", "Räkna om dem i uttaget; en kolumn har en enhet."),
    ("Compare the two extracts.", "Jämför de två uttagen."),
    ("Compare unit, method and patients.", "Jämför enhet, metod och patienter."),
    (
        "Check its unit, or agree on a wider range in every region's manifest.",
        "Kontrollera enheten, eller kom överens om ett vidare intervall i varje regions manifest.",
    ),
    ("Check the header of the extract.", "Kontrollera uttagets huvud."),
    ("Check the extract.", "Kontrollera uttaget."),
    (
        "Remove the column from the extract, or replace it by a pseudonym that has no such form.",
        "Ta bort kolumnen ur uttaget, eller ersätt den med en pseudonym som inte har den formen.",
    ),
    ("Remove the column from the extract.", "Ta bort kolumnen ur uttaget."),
    ("Cut them.", "Korta dem."),
    ("Remove the column: free text is not cleaned.", "Ta bort kolumnen: fritext rensas inte."),
    (
        'Declare it with kind = "date": it is then read as days since another date, or not at all.',
        'Ange kind = "date" för den: då läses den som dagar sedan ett annat datum, eller inte alls.',
    ),
    ("Remove EXIF from the files.", "Ta bort EXIF ur filerna."),
    ("De-identify them first.", "Avidentifiera dem först."),
    ("Remove them, or mask the text.", "Ta bort dem, eller täck över texten."),
    ("Look at some of them.", "Se på några av dem."),
    ("Remove private tags when exporting.", "Ta bort privata taggar vid uttaget."),
    ("Look at them.", "Se på dem."),
    ("Look at them: a name may stand there.", "Se på dem: där kan stå ett namn."),
    ("Keep one of each.", "Behåll en av varje."),
    ("Export them again.", "Gör om uttaget av dem."),
    ("Check header and delimiter.", "Kontrollera huvud och skiljetecken."),
    ("Check delimiter in [[file]].", "Kontrollera delimiter i [[file]]."),
    ("Make the extract again, or copy it again.", "Gör om uttaget, eller kopiera det igen."),
    (
        'Set encoding in [[file]], perhaps encoding = "{name}".',
        'Sätt encoding i [[file]], kanske encoding = "{name}".',
    ),
    ('Set encoding = "utf-8".', 'Sätt encoding = "utf-8".'),
    ("Set encoding, or export it as CSV.", "Sätt encoding, eller gör uttaget som CSV."),
    ("Check the export.", "Kontrollera uttaget."),
    ("Draw a sample of the table.", "Dra ett urval ur tabellen."),
    ("Check delimiter and quotes.", "Kontrollera skiljetecken och citattecken."),
    ("Rename or remove one.", "Döp om eller ta bort en."),
    ("Export it as CSV.", "Gör uttaget som CSV."),
    ('Remove it, or declare it with role = "ignore".', 'Ta bort den, eller ange role = "ignore" för den.'),
    ("Separate them.", "Skilj dem åt."),
)

LEFT_OUT: Sequence[tuple[str, str]] = (
    ("{n} rows of patients who opted out", "{n} rader för patienter med spärr"),
    ("{n} rows of other hospitals", "{n} rader från andra sjukhus"),
    ("{n} rows that are not complete", "{n} rader som inte är fullständiga"),
    ("{n} measurements outside plausible bounds", "{n} mätvärden utanför rimliga gränser"),
    ("{n} patients without a first stay that fits", "{n} patienter utan ett första vårdtillfälle som passar"),
    ("{n} resources of type {name}", "{n} resurser av typen {name}"),
    ("{n} encounters without a start", "{n} vårdkontakter utan början"),
    ("{n} of {m} inpatient visits shorter than a day", "{n} av {m} vårdtillfällen kortare än ett dygn"),
    ("{n} deaths on the first day", "{n} dödsfall den första dagen"),
    ("{n} events that are mapped to no concept", "{n} händelser utan kopplat begrepp"),
    (
        "{n} visits of persons under 18, or of unknown age",
        "{n} vårdtillfällen för personer under 18 år eller av okänd ålder",
    ),
    ("{n} stays that are not the patient's first", "{n} vårdtillfällen som inte är patientens första"),
    ("{n} first stays without an admission", "{n} första vårdtillfällen utan inskrivning"),
    ("{n} stays shorter than a day", "{n} vårdtillfällen kortare än ett dygn"),
    ("{n} stays whose admission is in no table", "{n} vårdtillfällen vars inskrivning inte finns i någon tabell"),
    ("{n} deaths within the first day", "{n} dödsfall inom det första dygnet"),
    ("{n} stays of patients under 18", "{n} vårdtillfällen för patienter under 18 år"),
)

# What stands in the hole {noun}: kinds of identifiers, and what is said of images.
NOUNS: Mapping[str, str] = {
    "names": "namn",
    "dates of birth": "födelsedatum",
    "telephone numbers": "telefonnummer",
    "fax numbers": "faxnummer",
    "e-mail addresses": "e-postadresser",
    "personal numbers": "personnummer",
    "record numbers": "journalnummer",
    "health plan numbers": "försäkringsnummer",
    "account numbers": "kontonummer",
    "licence numbers": "licensnummer",
    "vehicles": "fordon",
    "devices": "apparater",
    "web addresses": "webbadresser",
    "IP addresses": "IP-adresser",
    "biometrics": "biometri",
    "photographs": "fotografier",
    "addresses": "adresser",
    "Swedish personal numbers with a right checksum": "svenska personnummer med rätt kontrollsiffra",
    "device addresses": "apparatadresser",
    "social security numbers": "amerikanska socialförsäkringsnummer",
    "vehicle plates": "registreringsskyltar",
    "vehicle numbers": "fordonsnummer",
    "full dates": "hela datum",
    "first and last names": "för- och efternamn",
    "free text": "fritext",
    "hold the place where they were taken": "anger platsen där de togs",
    "hold EXIF, which may name device and time": "har EXIF, som kan ange apparat och tid",
    "hold tags that identify a patient (PS3.15 Basic Profile)": "har taggar som identifierar en patient (PS3.15 Basic"
    " Profile)",
    "say of themselves that text is burnt in": "uppger själva att text är inbränd",
    "do not say whether text is burnt in": "säger inte om text är inbränd",
    "hold private tags": "har privata taggar",
}

UNITS: Mapping[str, str] = {"ten times the unit": "tio gånger enheten", "a tenth of the unit": "en tiondel av enheten"}
