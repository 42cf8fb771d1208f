"""The words of ``landsting study annex``, Swedish and English: equal keys in both, as a test sees to."""

from __future__ import annotations

from collections.abc import Mapping

from node.audit.exceptions import CHECKS

__all__ = ["CHECKS", "COLUMN_ROLES", "LEARNS", "PAGE", "PURPOSES", "STAGES"]

Words = Mapping[str, Mapping[str, str]]

PAGE: Words = {
    "en": {
        "title": "Annex to a joint study",
        "for": "For the data protection officer of {region}. Written {date} from the plan and this region's own home.",
        "for.plan": "Written {date} from the plan alone; what one region's data and approvals say is not here.",
        "lab": "A laboratory study: for trying out, not for patients.",
        "h.study": "The study",
        "title.none": "no title",
        "k.title": "Title", "k.purpose": "Purpose", "k.learns": "What is learned", "k.regions": "Regions",
        "k.topology": "Who talks to whom", "k.masking": "Masks", "k.words": "Study id in words", "k.id": "Study id",
        "learns": "{task}: one model of {dim} numbers, in {rounds} rounds; nobody is in the middle.",
        "neighbours": "{topology}; neighbours of {region}: {names}",
        "masking.on": "on: an update is hidden in a sum before it leaves", "masking.off": "off",
        "masking.part": "on where a sum can hide an update; elsewhere it is shown, as marked below",
        "voice": "To compare by telephone: each side reads these words aloud from its own paper. The same words mean "
                 "the same plan in every detail; whoever changes anything gets other words. No two words are alike in "
                 "their first four letters. Where much is at stake, compare the whole id as well.",
        "h.leaves": "What leaves the region, to whom and in what form",
        "c.what": "What", "c.to": "To", "c.times": "How often", "c.size": "Size of each", "c.learn": "What the "
        "receiver could learn",
        "w.update": "Update of the model", "w.update.generator": "Update of the generator; the part that "
        "sees real patients (discriminator, encoder) stays", "w.update.both": "Update of the generator and of the part "
        "that sees real patients (discriminator, encoder), which may tell who was in its training data",
        "w.synthetic": "Made-up patients (synthetic data)",
        "w.statistics": "Sums for shared preprocessing: {stages}",
        "rounds": "{rounds} rounds", "rounds.1": "once", "as.needed": "as needed", "numbers": "whole numbers",
        "neighbours.all": "the neighbours of each region",
        "w.messages": "Organisational messages", "messages": "Who takes part, is ready or missing, keys that count "
        "once, confirmations; no value of a patient.",
        "w.copy": "Copy of the log", "neighbours.word": "neighbours",
        "w.model": "The model itself", "model.to": "nobody by this plan", "model": "What leaves as a file needs a "
        "decision of its own and the signatures of {count} regions, its own among them; a trained model tells "
        "something of those it learned from.",
        "w.handover": "Log for an auditor", "handover.to": "whom the region hands it to",
        "stays": "What stays: patients' rows, identifiers and labels, files, counts of the data sheet, the optimizer's "
                 "memory, the ledger and secrets of the noise, and the keys. The training process has no network.",
        "h.who": "Who could learn what",
        "who": "Computed from the plan's graph; a coalition is regions that follow the rules and pool what they see.",
        "sums.who": "The sums of preprocessing are totals over all {n} regions: {others} of them together could work "
        "out the last one's, whatever the graph.",
        "sums.two": "With two regions the other one sees this region's sums, with the noise of differential privacy.",
        "h.data": "The data used",
        "data.none": "No data set is bound to this study here yet. Bind one and write the annex again: "
                     "landsting data add …, or --data NAME.",
        "data.no": "This task uses no patients' data.",
        "k.name": "Data set", "k.owner": "Owner", "k.basis": "Legal basis", "k.approval": "Approval",
        "k.licence": "Licence", "k.source": "Source", "k.purposes": "May be used for", "k.rows": "Size",
        "k.optout": "Opt-outs", "k.unit": "Protected unit", "k.groups": "Anonymity",
        "k.sheet": "Data sheet", "k.schema": "Schema",
        "version": "{name}, version {version}", "not.stated": "not stated in the manifest",
        "source": "{source}, extracted {date}", "rows": "{rows} rows",
        "optout.yes": "rows of patients on the region's list are never read", "optout.no": "no list is given",
        "unit.patient": "the patient: all rows of one count together", "unit.row": "the row: each is a patient of its "
        "own",
        "groups": "k = {k}, l = {l}, t = {t} over {columns}; computed for the rows inside, which do not leave",
        "groups.none": "no column is declared as telling people apart",
        "purpose.no": "The manifest does not allow the purpose of this study: the region's node refuses it.",
        "c.role": "Role", "c.columns": "Columns",
        "h.exceptions": "Exceptions that were granted",
        "exceptions": "These checks would have held the data back; they were let through by decision. The same stands "
                      "in the data sheet and, with its number, in the signed log that an auditor reads.",
        "exceptions.none": "None: no check that holds data back was let through.",
        "c.check": "Check", "c.column": "Column", "c.ref": "Diary number", "table": "the whole table",
        "h.dp": "Differential privacy",
        "dp": "Each region adds noise itself, before anything leaves. Over the whole study epsilon is at most "
              "{epsilon}, delta {delta}, for each patient of this region: whatever anybody concludes from all that "
              "leaves is at most {factor} times as likely with the patient as without, but for a chance of {delta}.",
        "dp.numbers": "Noise {sigma} times the bound {clip} on one patient's influence on a step; {steps} steps, each "
                      "with a share {q} of the patients; counted by Rényi differential privacy.",
        "dp.sums": "{share} of epsilon is for noise on the sums before training.",
        "dp.stop": "A round that would pass the limit does not run.",
        "dp.budget": "Over all studies on the same rows this region allows epsilon {budget}.",
        "dp.not": "Not covered: how many patients there are and that the region exists, choices made by looking at "
                  "real rows, figures on real rows, and rows kept for validation.",
        "dp.none": "None. Masks hide single updates from other regions, but neither the sums nor the finished model "
                   "carry a bound on what they tell of one patient.",
        "h.approvals": "Approvals",
        "c.who": "Role", "c.date": "Accepted (UTC)", "not.yet": "not yet", "no.ref": "no number given",
        "needed": "asked for by the region's policy",
        "others": "Other regions: {answers}.", "answer.accept": "accepted", "answer.reject": "rejected",
        "answer.none": "no answer yet",
        "h.keep": "How long what is kept",
        "keep.log": "The signed log: {years} years. It has who did what and when, and fingerprints; no patient's data.",
        "keep.values": "Masked values: not kept after their round.",
        "keep.rounds": "Masked values of the last {rounds} rounds stay in this region, for an audit.",
        "keep.drawn": "Of {share} of the rounds, drawn by lot, what went into the sums and, sealed under a key of this "
                      "region, what opens its own values is kept as long as the log. It leaves only where the region "
                      "hands it to an auditor, who then sees this region's own update of such a round.",
        "keep.data": "The data stay where they are and are not copied. A patient who opts out later is left out of the "
                     "next version. {update} A finished model is not changed.",
        "update.keep": "This study goes on with the rows it began with.",
        "update.next_round": "This study takes up a new version from its next round.",
        "keep.erase": "An entry can be erased by decision; its fingerprint stays, so the log can still be checked.",
        "h.code": "The code that trains",
        "code": "Only this code may take part (SHA-256):", "code.here": "It is the one installed here.",
        "code.other": "It is NOT the one installed here: this region would be refused.",
        "task": "Task {name}, version {version}; parameters in the order {layout}…; begins with {init}….",
        "h.sign": "Signatures",
        "sign": "I have read this annex to the study whose id in words is",
        "c.sign.role": "Role", "c.sign.name": "Name", "c.sign.ref": "Diary number", "c.sign.date": "Date",
        "c.sign.sign": "Signature",
    },
    "sv": {
        "title": "Bilaga till en gemensam studie",
        "for": "För dataskyddsombudet i {region}. Skriven {date} ur planen och regionens egen hemmapp.",
        "for.plan": "Skriven {date} ur enbart planen; vad en regions data och godkännanden säger står inte här.",
        "lab": "En laboratoriestudie: för att pröva, inte för patienter.",
        "h.study": "Studien",
        "title.none": "utan titel",
        "k.title": "Titel", "k.purpose": "Ändamål", "k.learns": "Vad som lärs", "k.regions": "Regioner",
        "k.topology": "Vem som talar med vem", "k.masking": "Masker", "k.words": "Studiens id i ord", "k.id":
        "Studiens id",
        "learns": "{task}: en modell med {dim} tal, i {rounds} rundor; ingen sitter i mitten.",
        "neighbours": "{topology}; grannar till {region}: {names}",
        "masking.on": "på: en uppdatering göms i en summa innan den lämnar regionen", "masking.off": "av",
        "masking.part": "på där en summa kan gömma en uppdatering; annars visas den, som markerat nedan",
        "voice": "För att jämföra per telefon: var och en läser orden högt ur sitt eget papper. Samma ord betyder "
                 "samma plan i varje detalj; den som ändrar något får andra ord. Inga två ord börjar på samma fyra "
                 "bokstäver. Där mycket står på spel, jämför också hela id:t.",
        "h.leaves": "Vad som lämnar regionen, till vem och i vilken form",
        "c.what": "Vad", "c.to": "Till", "c.times": "Hur ofta", "c.size": "Storlek per gång", "c.learn":
        "Vad mottagaren kunde få veta",
        "w.update": "Uppdatering av modellen", "w.update.generator": "Uppdatering av generatorn; delen som "
        "ser verkliga patienter (diskriminator, kodare) stannar", "w.update.both": "Uppdatering av generatorn och av "
        "delen som ser verkliga patienter (diskriminator, kodare), som kan röja vilka som fanns i dess träningsdata",
        "w.synthetic": "Påhittade patienter (syntetiska data)",
        "w.statistics": "Summor för gemensam förbehandling: {stages}",
        "rounds": "{rounds} rundor", "rounds.1": "en gång", "as.needed": "vid behov", "numbers": "heltal",
        "neighbours.all": "varje regions grannar",
        "w.messages": "Organisatoriska meddelanden", "messages": "Vem som deltar, är redo eller saknas, nycklar som "
        "gäller en gång, bekräftelser; inget värde om en patient.",
        "w.copy": "Kopia av loggen", "neighbours.word": "grannarna",
        "w.model": "Själva modellen", "model.to": "ingen enligt denna plan", "model": "Det som lämnar som fil kräver "
        "ett eget beslut och underskrifter från {count} regioner, den egna medräknad; en tränad modell säger något om "
        "dem den lärt av.",
        "w.handover": "Logg till granskare", "handover.to": "den som regionen lämnar den till",
        "stays": "Detta stannar: patienters rader, identiteter och utfall, filer, databladets antal, optimerarens "
                 "minne, brusets liggare och hemligheter samt nycklarna. Träningsprocessen har inget nätverk.",
        "h.who": "Vem som kunde få veta vad",
        "who": "Beräknat ur planens graf; de som slår sig samman följer reglerna och lägger ihop det de ser.",
        "sums.who": "Förbehandlingens summor är totaler över alla {n} regioner: {others} av dem tillsammans kunde "
        "räkna ut den sistas, hur grafen än ser ut.",
        "sums.two": "Med två regioner ser den andra regionens summor, med den differentiella integritetens brus.",
        "h.data": "De data som används",
        "data.none": "Ingen datamängd är bunden till studien här ännu. Bind en och skriv bilagan på nytt: "
                     "landsting data add …, eller --data NAMN.",
        "data.no": "Denna uppgift använder inga patientuppgifter.",
        "k.name": "Datamängd", "k.owner": "Ägare", "k.basis": "Rättslig grund", "k.approval": "Godkännande",
        "k.licence": "Licens", "k.source": "Källa", "k.purposes": "Får användas för", "k.rows": "Storlek",
        "k.optout": "Spärrar", "k.unit": "Skyddad enhet", "k.groups": "Anonymitet",
        "k.sheet": "Datablad", "k.schema": "Schema",
        "version": "{name}, version {version}", "not.stated": "anges inte i manifestet",
        "source": "{source}, uttag {date}", "rows": "{rows} rader",
        "optout.yes": "rader för patienter på regionens lista läses aldrig", "optout.no": "ingen lista är angiven",
        "unit.patient": "patienten: alla rader för en räknas ihop", "unit.row": "raden: var och en är en egen patient",
        "groups": "k = {k}, l = {l}, t = {t} över {columns}; beräknat för raderna i regionen, som inte lämnar den",
        "groups.none": "ingen kolumn anges skilja människor åt",
        "purpose.no": "Manifestet tillåter inte studiens ändamål: regionens nod vägrar.",
        "c.role": "Roll", "c.columns": "Kolumner",
        "h.exceptions": "Undantag som beviljats",
        "exceptions": "Dessa kontroller skulle ha stoppat data; de släpptes igenom efter beslut. Detsamma står i "
                      "databladet och, med sitt nummer, i den underskrivna logg som en granskare läser.",
        "exceptions.none": "Inga: ingen kontroll som stoppar data har släppts igenom.",
        "c.check": "Kontroll", "c.column": "Kolumn", "c.ref": "Diarienummer", "table": "hela tabellen",
        "h.dp": "Differentiell integritet",
        "dp": "Varje region lägger själv på brus innan något lämnar den. Över hela studien är epsilon högst {epsilon}, "
              "delta {delta}, för varje patient i regionen: vad någon än sluter sig till av allt som lämnar är högst "
              "{factor} gånger så sannolikt med patienten som utan, bortsett från en risk på {delta}.",
        "dp.numbers": "Brus {sigma} gånger gränsen {clip} för en patients inverkan på ett steg; {steps} steg, vart och "
                      "ett med andelen {q} av patienterna; räknat med Rényi-differentiell integritet.",
        "dp.sums": "{share} av epsilon går till brus på summorna före träningen.",
        "dp.stop": "En runda som skulle passera gränsen körs inte.",
        "dp.budget": "Över alla studier på samma rader tillåter regionen epsilon {budget}.",
        "dp.not": "Omfattas inte: hur många patienter som finns och att regionen finns, val som gjorts genom att se på "
                  "verkliga rader, mått på verkliga rader och rader som sparats för validering.",
        "dp.none": "Ingen. Maskerna döljer enskilda uppdateringar för andra regioner, men varken summorna eller den "
                   "färdiga modellen har någon gräns för vad de säger om en patient.",
        "h.approvals": "Godkännanden",
        "c.who": "Roll", "c.date": "Accepterad (UTC)", "not.yet": "inte ännu", "no.ref": "inget nummer angivet",
        "needed": "krävs av regionens policy",
        "others": "Andra regioner: {answers}.", "answer.accept": "har accepterat", "answer.reject": "har avvisat",
        "answer.none": "har inte svarat",
        "h.keep": "Vad som sparas hur länge",
        "keep.log": "Den underskrivna loggen: {years} år. Den har vem som gjorde vad och när, och fingeravtryck; inga "
                    "patientuppgifter.",
        "keep.values": "Maskerade värden: sparas inte efter sin runda.",
        "keep.rounds": "Maskerade värden från de senaste {rounds} rundorna ligger kvar i regionen, för granskning.",
        "keep.drawn": "För {share} av rundorna, dragna genom lottning, sparas det som gick in i summorna och, "
                      "förseglat med regionens egen nyckel, det som öppnar dess egna värden, lika länge som loggen. "
                      "Det lämnar regionen bara om den själv lämnar ut det till en granskare, som då ser regionens "
                      "egen uppdatering i en sådan runda.",
        "keep.data": "Data ligger kvar där de är och kopieras inte. En patient som spärrar sig senare lämnas utanför "
                     "nästa version. {update} En färdig modell ändras inte.",
        "update.keep": "Studien fortsätter med raderna den började med.",
        "update.next_round": "Studien tar upp en ny version från och med nästa runda.",
        "keep.erase": "En post kan raderas efter beslut; fingeravtrycket blir kvar, så att loggen går att kontrollera.",
        "h.code": "Koden som tränar",
        "code": "Endast denna kod får delta (SHA-256):", "code.here": "Det är den som är installerad här.",
        "code.other": "Det är INTE den som är installerad här: regionen skulle avvisas.",
        "task": "Uppgift {name}, version {version}; parametrar i ordningen {layout}…; börjar med {init}….",
        "h.sign": "Underskrifter",
        "sign": "Jag har läst denna bilaga till studien vars id i ord är",
        "c.sign.role": "Roll", "c.sign.name": "Namn", "c.sign.ref": "Diarienummer", "c.sign.date": "Datum",
        "c.sign.sign": "Underskrift",
    },
}  # fmt: skip

LEARNS: Words = {
    "en": {
        "sum.alone": "This region's own sums, with the noise of differential privacy on each of them.",
        "clear.sent": "This region's whole update, as it is: how its own patients changed the model.",
    },
    "sv": {
        "sum.alone": "Regionens egna summor, med den differentiella integritetens brus på var och en.",
        "clear.sent": "Regionens hela uppdatering som den är: hur dess egna patienter ändrade modellen.",
    },
}  # fmt: skip

PURPOSES: Words = {
    "en": {
        "research": "research", "quality": "quality follow-up", "planning": "planning", "statistics": "statistics",
        "education": "education",
    },
    "sv": {
        "research": "forskning", "quality": "kvalitetsuppföljning", "planning": "planering", "statistics": "statistik",
        "education": "utbildning",
    },
}  # fmt: skip

COLUMN_ROLES: Words = {
    "en": {
        "feature": "input", "quasi_identifier": "input, counted for anonymity", "label": "what is predicted",
        "direct_identifier": "identifies directly", "ignore": "not used",
    },
    "sv": {
        "feature": "indata", "quasi_identifier": "indata, räknas för anonymitet", "label": "det som förutsägs",
        "direct_identifier": "identifierar direkt", "ignore": "används inte",
    },
}  # fmt: skip

STAGES: Words = {
    "en": {
        "count": "counts", "moment": "means and variances", "bin": "histograms", "bin2": "finer histograms",
        "category": "counts of categories", "score": "counts of right and wrong answers",
    },
    "sv": {
        "count": "antal", "moment": "medelvärden och varianser", "bin": "histogram", "bin2": "finare histogram",
        "category": "antal per kategori", "score": "antal rätta och felaktiga svar",
    },
}  # fmt: skip
