"""The words of the report's page; English and Swedish. Sentences about single tests are in ``words``."""

from __future__ import annotations

PAGE: dict[str, dict[str, str]] = {
    "en": {
        "title": "Synthetic data: {name}",
        "from": "{rows} made up, seed {seed}",
        "from.region": " · measured at {region}",
        "passed": "Holds what was asked: all {n} tests.",
        "failed": "Not to be released: {failed} of {n} tests do not hold.",
        "real": "Real",
        "synthetic": "Synthetic",
        "difference": "Difference",
        "real.rows": "rows that the model learned from",
        "real.held": "{held} real rows were kept apart, to test with. None of them stands on this page.",
        "real.images": "images that the model learned from",
        "real.images.held": "{held} real images were kept apart, to test with. None of them stands on this page.",
        "synthetic.rows": "rows that the model made up",
        "synthetic.note": "No row is a patient's; {copies} of them are equal to a patient's row.",
        "synthetic.note.discrete": "No row is a patient's. {copies} equal a real row, as rows of few columns do.",
        "synthetic.images": "images that the model made up",
        "synthetic.images.note": "No image is a patient's; {copies} of them are equal to one.",
        "difference.alike": "alike, column by column",
        "difference.note": "Two columns at a time: {pairs}. A computer that has learned to tell the two apart, shown "
        "one "
        "of each, is right in {detect} of the cases (50% is guessing).",
        "difference.images": "as varied as real images",
        "difference.images.note": "Distance of their features: {frechet} ({against} between real ones).",
        "use": "Use",
        "use.good": "A model trained on the synthetic rows alone sorts real patients with an AUROC of {value}; one "
        "trained on real rows, {against}: good enough to develop methods and to teach with.",
        "use.poor": "A model trained on the synthetic rows alone sorts real patients with an AUROC of {value}; one "
        "trained on real rows, {against}: conclusions drawn from these rows may be wrong.",
        "use.good.r2": "A model trained on the synthetic rows alone explains {value} of how the number differs between "
        "real patients (R²: 1 is all of it); one trained on real rows, {against}: good enough to develop methods and "
        "to teach with.",
        "use.poor.r2": "A model trained on the synthetic rows alone explains {value} of how the number differs between "
        "real patients (R²: 1 is all of it); one trained on real rows, {against}: conclusions drawn from these rows "
        "may be wrong.",
        "use.good.c_index": "Of two real patients, a model trained on the synthetic rows alone says rightly who has "
        "the event first in {value} of the cases (0.5 is a coin); one trained on real rows, {against}: good enough to "
        "develop methods and to teach with.",
        "use.poor.c_index": "Of two real patients, a model trained on the synthetic rows alone says rightly who has "
        "the event first in {value} of the cases (0.5 is a coin); one trained on real rows, {against}: conclusions "
        "drawn from these rows may be wrong.",
        "use.none": "Of what use the rows are could not be measured: {why}.",
        "risk": "Risk",
        "risk.good": "Who compares the rows with a patient's data guesses no better than chance whether that patient "
        "was in training (AUC {value}, 0.5 is a coin).",
        "risk.poor": "Who compares the rows with a patient's data can tell, better than chance, whether that patient "
        "was "
        "in training (AUC {value}, 0.5 is a coin).",
        "risk.none": "The risk could not be measured: {why}.",
        "risk.dp": " Differential privacy bounds what the training tells anybody of one patient: the odds of a guess "
        "change by at most a factor of {factor} (ε {epsilon}), but for a chance of {delta} (δ).",
        "risk.no_dp": " There is no differential privacy: nothing bounds the risk in theory.",
        "gate": "What a release must hold",
        "gate.about": "The dot is the figure, the line its 95 % bounds, the mark what is asked; the shaded side is the "
        "right one.",
        "gate.test": "test",
        "gate.value": "figure",
        "gate.asked": "asked",
        "gate.ok": "holds",
        "gate.not": "does not",
        "gate.free": "not asked",
        "gate.undefined": "undefined",
        "gate.least": "≥ {x}",
        "gate.most": "≤ {x}",
        "gate.own": "the plan's own; the default is {x}",
        "columns": "Each column by itself",
        "columns.about": "Share of rows in each group; the least alike columns come first. Groups with fewer than 10 "
        "real patients are put together with others.",
        "columns.alike": "{x} alike",
        "missing": "missing",
        "few": "rare ones",
        "other": "other",
        "below": "below {x}",
        "above": "{x} and above",
        "between": "{a} to {b}",
        "all": "all values",
        "pairs": "How columns go together",
        "pairs.about": "The darker, the more one column says of the other; |r| of two numbers, else Cramér's V. "
        "To the right: where the synthetic rows go wrong.",
        "pairs.real": "real",
        "pairs.synthetic": "synthetic",
        "pairs.gap": "wrong by",
        "curves": "Use and risk as curves",
        "roc.use": "Use: sorting real patients",
        "roc.risk": "Risk: who was in training",
        "roc.detection": "Telling made-up rows from real ones",
        "roc.x": "false alarms",
        "roc.y": "found",
        "roc.real": "trained on real rows",
        "roc.synthetic": "trained on synthetic rows",
        "roc.membership": "by distance",
        "roc.discriminator": "by the discriminator, which stays at home",
        "roc.discriminator.shared": "by the discriminator",
        "roc.coin": "a coin",
        "distance": "How near synthetic rows come to real ones",
        "distance.about": "If the synthetic rows lay nearer to training rows than to held-out ones, the first curve "
        "would "
        "rise before the second. The third is how near real rows lie to each other.",
        "distance.x": "distance to the nearest",
        "distance.y": "share of rows",
        "distance.synthetic_real": "synthetic to training rows",
        "distance.synthetic_held": "synthetic to held-out rows",
        "distance.held_real": "held-out to training rows",
        "guess": "Guessing what is not known",
        "guess.about": "How often a column of a real patient is guessed from the most similar synthetic row, and, for "
        "comparison, from the most similar other patient.",
        "guess.column": "column",
        "guess.s": "by synthetic rows",
        "guess.h": "by other patients",
        "not.5": "While it was trained here, the generator went astray and was put back to its last good state "
        "{backs} times: it has learned less than its rounds say.",
        "figures": "All figures",
        "figures.name": "figure",
        "figures.value": "value",
        "figures.bounds": "95 % bounds",
        "figures.against": "real rows",
        "not": "What this page does not say",
        "not.1": "Attacks that nobody has tried here may do better. {dp}",
        "not.2": "Figures on real rows carry no ε. The bounds are of {patients} patients; at so few, one run cannot "
        "tell "
        "0.50 from 0.54.",
        "not.3": "That a study was useful elsewhere, or that a rare group is drawn right: what few patients have, the "
        "rows "
        "say little of.",
        "not.4": "{undefined} columns or pairs were undefined (a column with one value, for example) and left out of "
        "the "
        "means.",
        "images": "Synthetic images",
        "images.about": "Every image here is made up. A class a block.",
        "images.means": "The mean of all real images of a class, and of all synthetic ones",
        "images.class": "class {x}",
        "bound": "What this report is bound to",
        "bound.study": "study",
        "bound.model": "model",
        "bound.data": "data",
        "bound.schema": "schema",
        "none": "none",
    },
    "sv": {
        "title": "Syntetiska data: {name}",
        "from": "{rows} påhittade, frö {seed}",
        "from.region": " · mätt hos {region}",
        "passed": "Håller det som krävs: alla {n} prov.",
        "failed": "Får inte släppas: {failed} av {n} prov håller inte.",
        "real": "Verkligt",
        "synthetic": "Syntetiskt",
        "difference": "Skillnad",
        "real.rows": "rader som modellen lärt av",
        "real.held": "{held} verkliga rader hölls undan att pröva med. Ingen av dem står på den här sidan.",
        "real.images": "bilder som modellen lärt av",
        "real.images.held": "{held} verkliga bilder hölls undan att pröva med. Ingen av dem står på den här sidan.",
        "synthetic.rows": "rader som modellen hittat på",
        "synthetic.note": "Ingen rad är en patients; {copies} av dem är lika en patients rad.",
        "synthetic.note.discrete": "Ingen rad är en patients. {copies} är lika en verklig rad, som rader med få "
        "kolumner "
        "blir.",
        "synthetic.images": "bilder som modellen hittat på",
        "synthetic.images.note": "Ingen bild är en patients; {copies} av dem är lika en sådan.",
        "difference.alike": "lika, kolumn för kolumn",
        "difference.note": "Två kolumner i taget: {pairs}. En dator som lärt sig skilja dem åt och får se en av varje "
        "har "
        "rätt i {detect} av fallen (50 % är att gissa).",
        "difference.images": "så varierade som verkliga bilder",
        "difference.images.note": "Avstånd mellan deras drag: {frechet} ({against} mellan verkliga).",
        "use": "Nytta",
        "use.good": "En modell tränad enbart på de syntetiska raderna sorterar verkliga patienter med AUROC {value}; "
        "en "
        "tränad på verkliga rader, {against}: gott nog att utveckla metoder och undervisa med.",
        "use.poor": "En modell tränad enbart på de syntetiska raderna sorterar verkliga patienter med AUROC {value}; "
        "en "
        "tränad på verkliga rader, {against}: slutsatser dragna ur raderna kan vara fel.",
        "use.good.r2": "En modell tränad enbart på de syntetiska raderna förklarar {value} av hur talet skiljer sig "
        "mellan verkliga patienter (R²: 1 är allt); en tränad på verkliga rader, {against}: gott nog att utveckla "
        "metoder och undervisa med.",
        "use.poor.r2": "En modell tränad enbart på de syntetiska raderna förklarar {value} av hur talet skiljer sig "
        "mellan verkliga patienter (R²: 1 är allt); en tränad på verkliga rader, {against}: slutsatser dragna ur "
        "raderna kan vara fel.",
        "use.good.c_index": "Av två verkliga patienter säger en modell tränad enbart på de syntetiska raderna rätt vem "
        "som får händelsen först i {value} av fallen (0,5 är slantsingling); en tränad på verkliga rader, {against}: "
        "gott nog att utveckla metoder och undervisa med.",
        "use.poor.c_index": "Av två verkliga patienter säger en modell tränad enbart på de syntetiska raderna rätt vem "
        "som får händelsen först i {value} av fallen (0,5 är slantsingling); en tränad på verkliga rader, {against}: "
        "slutsatser dragna ur raderna kan vara fel.",
        "use.none": "Vilken nytta raderna gör gick inte att mäta: {why}.",
        "risk": "Risk",
        "risk.good": "Den som jämför raderna med en patients uppgifter gissar inte bättre än slumpen om patienten var "
        "med i träningen (AUC {value}, 0,5 är slantsingling).",
        "risk.poor": "Den som jämför raderna med en patients uppgifter kan, bättre än slumpen, säga om patienten var "
        "med i "
        "träningen (AUC {value}, 0,5 är slantsingling).",
        "risk.none": "Risken gick inte att mäta: {why}.",
        "risk.dp": " Differentiell integritet begränsar vad träningen säger någon om en patient: oddsen för en "
        "gissning ändras högst {factor} gånger (ε {epsilon}), utom med chansen {delta} (δ).",
        "risk.no_dp": " Differentiell integritet saknas: inget begränsar risken i teorin.",
        "gate": "Vad som krävs för att släppa data",
        "gate.about": "Punkten är värdet, linjen dess 95 %-gränser, strecket kravet; den tonade sidan är den rätta.",
        "gate.test": "prov",
        "gate.value": "värde",
        "gate.asked": "krav",
        "gate.ok": "håller",
        "gate.not": "håller inte",
        "gate.free": "krävs inte",
        "gate.undefined": "odefinierat",
        "gate.least": "≥ {x}",
        "gate.most": "≤ {x}",
        "gate.own": "planens eget; annars {x}",
        "columns": "Varje kolumn för sig",
        "columns.about": "Andel rader i varje grupp; de minst lika kolumnerna först. Grupper med färre än 10 verkliga "
        "patienter är sammanslagna med andra.",
        "columns.alike": "{x} lika",
        "missing": "saknas",
        "few": "ovanliga",
        "other": "annat",
        "below": "under {x}",
        "above": "{x} och över",
        "between": "{a} till {b}",
        "all": "alla värden",
        "pairs": "Hur kolumner hänger ihop",
        "pairs.about": "Ju mörkare, desto mer säger den ena kolumnen om den andra; |r| för två tal, annars Cramérs V. "
        "Till höger: var de syntetiska raderna blir fel.",
        "pairs.real": "verkligt",
        "pairs.synthetic": "syntetiskt",
        "pairs.gap": "fel med",
        "curves": "Nytta och risk som kurvor",
        "roc.use": "Nytta: att sortera verkliga patienter",
        "roc.risk": "Risk: vem som var med i träningen",
        "roc.detection": "Att skilja påhittade rader från verkliga",
        "roc.x": "falsklarm",
        "roc.y": "funna",
        "roc.real": "tränad på verkliga rader",
        "roc.synthetic": "tränad på syntetiska rader",
        "roc.membership": "efter avstånd",
        "roc.discriminator": "efter diskriminatorn, som stannar hemma",
        "roc.discriminator.shared": "efter diskriminatorn",
        "roc.coin": "slantsingling",
        "distance": "Hur nära syntetiska rader kommer verkliga",
        "distance.about": "Om de syntetiska raderna låg närmare träningsrader än undanhållna skulle den första kurvan "
        "stiga före den andra. Den tredje är hur nära verkliga rader ligger varandra.",
        "distance.x": "avstånd till närmaste",
        "distance.y": "andel rader",
        "distance.synthetic_real": "syntetiska till träningsrader",
        "distance.synthetic_held": "syntetiska till undanhållna rader",
        "distance.held_real": "undanhållna till träningsrader",
        "guess": "Att gissa det man inte vet",
        "guess.about": "Hur ofta en verklig patients kolumn gissas ur den mest lika syntetiska raden och, som "
        "jämförelse, "
        "ur den mest lika andra patienten.",
        "guess.column": "kolumn",
        "guess.s": "ur syntetiska rader",
        "guess.h": "ur andra patienter",
        "not.5": "Medan den tränades här kom generatorn på avvägar och sattes tillbaka till sitt senaste goda läge "
        "{backs} gånger: den har lärt sig mindre än rondernas antal säger.",
        "figures": "Alla mått",
        "figures.name": "mått",
        "figures.value": "värde",
        "figures.bounds": "95 %-gränser",
        "figures.against": "verkliga rader",
        "not": "Vad sidan inte säger",
        "not.1": "Angrepp som ingen prövat här kan lyckas bättre. {dp}",
        "not.2": "Mått på verkliga rader bär inget ε. Gränserna gäller {patients} patienter; vid så få kan en körning "
        "inte "
        "skilja 0,50 från 0,54.",
        "not.3": "Att en studie var till nytta på annat håll, eller att en ovanlig grupp är rätt tecknad: om det som "
        "få "
        "patienter har säger raderna lite.",
        "not.4": "{undefined} kolumner eller par var odefinierade (till exempel en kolumn med ett enda värde) och "
        "ingår "
        "inte i medelvärdena.",
        "images": "Syntetiska bilder",
        "images.about": "Varje bild här är påhittad. En klass per block.",
        "images.means": "Medelbilden av alla verkliga bilder i en klass, och av alla syntetiska",
        "images.class": "klass {x}",
        "bound": "Vad rapporten är bunden till",
        "bound.study": "studie",
        "bound.model": "modell",
        "bound.data": "data",
        "bound.schema": "schema",
        "none": "ingen",
    },
}

FIGURES: dict[str, dict[str, str]] = {
    "en": {
        "shapes": "columns alike",
        "pairs": "pairs of columns alike",
        "coverage": "groups of real rows that appear",
        "missing_gap": "largest difference of missing shares",
        "rare": "categories against the rule of rare ones",
        "detection_auroc": "a forest tells synthetic from real, AUROC",
        "tstr_auroc": "trained on synthetic, tested on real, AUROC (logistic)",
        "tstr_auroc_forest": "the same with a forest",
        "trtr_auroc": "trained on real, tested on real, AUROC (logistic)",
        "trtr_auroc_forest": "the same with a forest",
        "trts_auroc": "trained on real, tested on synthetic, AUROC (logistic)",
        "trts_auroc_forest": "the same with a forest",
        "tstr_r2": "trained on synthetic, tested on real, R² (linear)",
        "tstr_r2_forest": "the same with a forest",
        "trtr_r2": "trained on real, tested on real, R² (linear)",
        "trtr_r2_forest": "the same with a forest",
        "trts_r2": "trained on real, tested on synthetic, R² (linear)",
        "trts_r2_forest": "the same with a forest",
        "tstr_c_index": "trained on synthetic, tested on real, C-index (Cox)",
        "tstr_c_index_forest": "the same with a forest",
        "trtr_c_index": "trained on real, tested on real, C-index (Cox)",
        "trtr_c_index_forest": "the same with a forest",
        "trts_c_index": "trained on real, tested on synthetic, C-index (Cox)",
        "trts_c_index_forest": "the same with a forest",
        "mia_distance": "membership by distance, AUC",
        "mia_discriminator": "membership by the discriminator, AUC",
        "dcr_share": "nearer to training than to held-out rows",
        "exact_copies": "exact copies of real rows",
        "attribute_inference": "most telling column guessed right",
        "attribute_gain": "gain over guessing by other patients",
        "k_map": "rows alike with 1 to k − 1 patients by quasi-identifiers",
        "k_map_none": "rows alike with no patient by quasi-identifiers",
        "frechet": "Fréchet distance of features",
        "diversity": "variety over that of real images",
        "nearest": "median distance to the nearest training image",
    },
    "sv": {
        "shapes": "kolumner lika",
        "pairs": "par av kolumner lika",
        "coverage": "grupper av verkliga rader som förekommer",
        "missing_gap": "största skillnad i andel som saknas",
        "rare": "kategorier mot regeln om ovanliga",
        "detection_auroc": "en skog skiljer syntetiskt från verkligt, AUROC",
        "tstr_auroc": "tränad på syntetiskt, prövad på verkligt, AUROC (logistisk)",
        "tstr_auroc_forest": "samma med en skog",
        "trtr_auroc": "tränad på verkligt, prövad på verkligt, AUROC (logistisk)",
        "trtr_auroc_forest": "samma med en skog",
        "trts_auroc": "tränad på verkligt, prövad på syntetiskt, AUROC (logistisk)",
        "trts_auroc_forest": "samma med en skog",
        "tstr_r2": "tränad på syntetiskt, prövad på verkligt, R² (linjär)",
        "tstr_r2_forest": "samma med en skog",
        "trtr_r2": "tränad på verkligt, prövad på verkligt, R² (linjär)",
        "trtr_r2_forest": "samma med en skog",
        "trts_r2": "tränad på verkligt, prövad på syntetiskt, R² (linjär)",
        "trts_r2_forest": "samma med en skog",
        "tstr_c_index": "tränad på syntetiskt, prövad på verkligt, C-index (Cox)",
        "tstr_c_index_forest": "samma med en skog",
        "trtr_c_index": "tränad på verkligt, prövad på verkligt, C-index (Cox)",
        "trtr_c_index_forest": "samma med en skog",
        "trts_c_index": "tränad på verkligt, prövad på syntetiskt, C-index (Cox)",
        "trts_c_index_forest": "samma med en skog",
        "mia_distance": "medlemskap efter avstånd, AUC",
        "mia_discriminator": "medlemskap efter diskriminatorn, AUC",
        "dcr_share": "närmare träningsrader än undanhållna",
        "exact_copies": "exakta kopior av verkliga rader",
        "attribute_inference": "den mest röjande kolumnen gissad rätt",
        "attribute_gain": "vinst över att gissa ur andra patienter",
        "k_map": "rader lika 1 till k − 1 patienter i kvasi-identifierare",
        "k_map_none": "rader lika ingen patient i kvasi-identifierare",
        "frechet": "Fréchetavstånd mellan drag",
        "diversity": "variation jämfört med verkliga bilder",
        "nearest": "medianavstånd till närmaste träningsbild",
    },
}
