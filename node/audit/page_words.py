"""What the page of a report says beside the catalogue: headings, plain answers; English and Swedish.

The words that it explains are in ``page_glossary``.
"""

from __future__ import annotations

from collections.abc import Mapping

EN: Mapping[str, str] = {
    "title": "Report on a joint study",
    "date": "Date: {date}",
    "lab": "A laboratory study: by the plan only test data were used. The records cannot prove it. If somebody used"
    " real patients all the same, what is said of patients below is about them.",
    "lab.LS-DP-BUDGET": "Ask {subject} whether rows of real patients were used: by the plan, none were. If they were,"
    " tell its data protection officer: those patients have less protection than was promised.",
    "lab.LS-DP-MATH": "Use the recomputed figure. Ask {subject} whether rows of real patients were used: by the plan,"
    " none were. If they were, tell its data protection officer.",
    "study": "Study {study} ({task}): {regions} regions, {rounds} rounds.",
    "verdict.clean": "No defects found",
    "verdict.unconfirmed": "No defects found, study not confirmed",
    "verdict.minor": "A small defect",
    "verdict.major": "A grave defect",
    "verdict.critical": "A very grave defect",
    "verdict.minor.many": "{n} small defects",
    "verdict.major.many": "{n} grave defects",
    "verdict.critical.many": "{n} very grave defects",
    "verdict.major.some": "{n} defects, the worst of them grave",
    "verdict.critical.some": "{n} defects, the worst of them very grave",
    "verdict.incomplete": "Not complete",
    "say.clean": "What the regions handed over fits together, and every signature checked holds. What was not checked"
    " is said further down.",
    "say.unconfirmed": "What the regions handed over fits together. Nobody named the study that was meant, so it is not"
    " confirmed that this is the one you signed for.",
    "say.minor": "Something small is out of order.",
    "say.major": "Something important is out of order.",
    "say.critical": "Something that must not happen has happened.",
    "say.files": "Something that must not happen has happened, or the files were damaged on their way.",
    "more": "And {n} more, see below under “What was found”.",
    "comma": ".",
    "say.incomplete": "Nothing contradicts, but less was handed over than is needed, or a file could not be read.",
    "q.agree": "Did every region agree to take part?",
    "a.agree.yes": "Yes: {regions} have signed that they take part.",
    "a.agree.no": "No yes of {regions} is to be seen.",
    "a.agree.none": "There is no study in these files.",
    "q.altered": "Was anything altered or left out?",
    "a.altered.no": "No. Every record that was handed over is as its region signed it, and nothing is missing that"
    " others hold signed.",
    "a.altered.part": "Not as far as could be checked; nothing was handed over by {regions}.",
    "a.altered.files": "The files are not as they were signed: {files}. That may have happened on the way.",
    "a.altered.missing": "Left out: some records of {regions} were not handed over. Altered: not as far as can be"
    " seen.",
    "a.altered.lost": "Lost: {regions} no longer has some of its records, as it says itself. Altered: not as far as can"
    " be seen.",
    "a.altered.rule": "No. The records are genuine; it is they that show the defect that stands above.",
    "a.altered.yes": "Yes. Signed records of {regions} contradict each other; see above.",
    "a.altered.what": "Yes. {what}",
    "a.altered.more": "More is in the box above.",
    "q.who": "Who is named for it?",
    "a.who.none": "No region is named.",
    "a.who.missing": "Nobody, as far as is shown. Records of {regions} are missing.",
    "a.who": "{regions}. Signed records of its own show it, not whether it was meant. No other region is accused.",
    "q.use": "May the model be used?",
    "a.use.yes": "Nothing found speaks against it. What was not checked stands below. To decide is the region's.",
    "a.use.minor": "Nothing grave was found that speaks against it; look at the small defect first. To decide is the"
    " region's.",
    "a.use.lab": "Not for patients: by its plan the study is for trying the program out. Nothing found speaks against"
    " using it for that.",
    "a.use.not": "Not as far as this report goes: {why}.",
    "why.none": "there is no study in these files",
    "why.missing": "records of {regions} are missing or cannot be used",
    "why.incomplete": "records are missing, or a file could not be read",
    "why.agree": "that {regions} agreed to take part is not shown",
    "why.unconfirmed": "it is not confirmed that this is the study you signed for",
    "why.budget": "what was spent of the privacy budget is not known",
    "why.unlimited": "the study set no limit on what the model may reveal about one person: with real patients that"
    " must be justified first",
    "a.model.PROVEN": "The model is what the records give: all that it was made of was computed again, and is right.",
    "a.model.CONTRADICTED": "The model is not what the records give, see “What was found” below.",
    "a.model.claim": "Whether the model is what the records give is not known: records of {regions} contradict each"
    " other.",
    "a.model.PART": "As far as it could be computed again, the model is what the records give; not all of it could"
    " be, see “What is proven” below.",
    "a.model.NOT CHECKED": "Whether the model is what the records give was not checked: what it takes to compute it"
    " again is not in these files, see “What is proven” below.",
    "q.budget": "Was the privacy budget kept?",
    "a.budget.yes": "Yes: epsilon {most} of at most {limit} was spent, for each region, computed again from the"
    " records.",
    "a.budget.no": "No: {regions} spent epsilon {most} in all; at most {limit} was allowed for each region. The more,"
    " the more its updates may reveal about one patient.",
    "a.budget.others": "No other region spent too much.",
    "a.budget.less": "No: {regions} stated less than was spent.",
    "a.budget.none": "The study set no such budget, so nothing limits what the model may reveal about one patient.",
    "a.budget.claim": "On record epsilon {most} of at most {limit} was spent, for each region. Of {regions} that is"
    " only what its log claims, so for it the answer is not known.",
    "a.budget.open": "For {regions} the records do not tell. No region is shown to have spent too much.",
    "q.data": "Did raw data leave a region?",
    "a.data": "Not on record: what left was {what} and what else the plan names, which the paper that every region"
    " signed (the Annex to a joint study) lists. Records cannot show what happened outside of them.",
    "a.data.lie": "Of {regions} nothing can be said: its records contradict each other. For the other regions no such"
    " thing is recorded: what left them was {what} and what else the plan names. Records cannot show what happened"
    " outside of them.",
    "a.data.missing": "Not known for {regions}, whose records are missing or cannot be used. Not on record in what was"
    " handed over: what left was {what} and what else the plan names. Records cannot show what happened outside of"
    " them.",
    "a.data.released": "{regions} also let out what the plan does not allow, see above.",
    "data.masked": "masked numbers",
    "data.clear": "numbers without masks, as this plan allows,",
    "q.now": "What now?",
    "a.now.ask": "Any region of the study may do that, or whoever audits it.",
    "a.use.wait": "Not yet: do not use the study's model until this is settled.",
    "a.now.more": "The other defects have steps of their own, below.",
    "a.now.clean": "Nothing needs to be done. Keep this report with the papers of the study.",
    "a.now.clean.open": "No defect has to be settled; what the answer above names comes before the model is used. Keep"
    " this report with the papers of the study.",
    "a.now.incomplete": "Ask for what was not handed over, and check again.",
    "a.now.sample": "A sample, {again} of {sums} sums, was computed again, as the plan is made.",
    "a.now.unconfirmed": "Find the paper that your region signed, the Annex to a joint study. Compare the study id on"
    " it with the one below, under Studies, and check again with that id: `--study ID`.",
    "h.findings": "What was found",
    "h.known": "For information",
    "h.questions": "What is proven, and what is not",
    "h.coverage": "What was handed over",
    "h.rounds": "The rounds, region by region",
    "h.lineage": "Where the models come from",
    "h.studies": "Studies",
    "h.limits": "What records cannot show",
    "h.glossary": "Words",
    "h.inputs": "Files and tool",
    "none": "Nothing.",
    "f.why": "Who may be named",
    "f.shows": "What shows it",
    "f.next": "What to do",
    "f.info": "Not an accusation",
    "f.detail": "Detail",
    "f.detail.english": "Detail",
    "f.more": "Who may be named, and what shows it",
    "f.each": "Each of the {n}",
    "no.faults": "No defects.",
    "files.alone": "This report rests on these files alone; another report on the same study may rest on others.",
    "t.question": "Question",
    "t.answer": "Answer",
    "t.note": "Note",
    "t.region": "Region",
    "t.entries": "Entries",
    "t.found": "Held by others and found",
    "t.bundle": "File",
    "t.absent": "none",
    "t.file": "File",
    "t.sum": "SHA-256",
    "t.tool": "This tool",
    "t.court": "landsting-audit.pyz of this version, for a second check",
    "legend.mixed": "averaged with others",
    "legend.summed": "counted together",
    "legend.kept": "went on alone",
    "legend.none": "no record",
    "legend.claimed": "only claimed",
    "svg.rounds": "Rounds from left to right; one row for each region.",
    "svg.claimed": "Hatched: what the records of {regions} claim. They contradict each other, so what they show here"
    " may be false.",
    "svg.lineage": "From the first model on the left to the last one on the right; the number is how many others'"
    " values went in.",
    "start": "start",
    "released": "released",
    "round": "round {round}",
    "PROVEN": "PROVEN",
    "CONTRADICTED": "CONTRADICTED",
    "NOT CHECKED": "NOT CHECKED",
    "PART": "CHECKED IN PART",
    "NONE SET": "NONE WAS SET",
    "UNDECIDABLE": "UNDECIDABLE",
    "severity.critical": "very grave",
    "severity.major": "grave",
    "severity.minor": "small",
    "severity.info": "for information",
    "severity.refused": "file refused",
    "answers": "PROVEN: signatures and arithmetic show it. CONTRADICTED: they show the opposite. CHECKED IN PART: what"
    " could be checked holds; for the rest something was not kept or not handed over. NOT CHECKED: what it would"
    " take was not kept or not handed over. NONE WAS SET: the plan sets no limit that could be kept or broken."
    " UNDECIDABLE: no record could show it. Neither CHECKED IN PART nor NOT CHECKED is a defect by itself.",
}

SV: Mapping[str, str] = {
    "title": "Rapport om en gemensam studie",
    "date": "Datum: {date}",
    "lab": "En laboratoriestudie: enligt planen användes bara testdata. Anteckningarna kan inte bevisa det. Om någon"
    " ändå använde riktiga patienter handlar det som nedan sägs om patienter om dem.",
    "lab.LS-DP-BUDGET": "Fråga {subject} om rader från riktiga patienter användes: enligt planen gjorde inga det. Om de"
    " gjorde det, underrätta dess dataskyddsombud: de patienterna har mindre skydd än de lovats.",
    "lab.LS-DP-MATH": "Använd den omräknade siffran. Fråga {subject} om rader från riktiga patienter användes: enligt"
    " planen gjorde inga det. Om de gjorde det, underrätta dess dataskyddsombud.",
    "study": "Studie {study} ({task}): {regions} regioner, {rounds} rundor.",
    "verdict.clean": "Inga brister hittades",
    "verdict.unconfirmed": "Inga brister hittades, studien inte bekräftad",
    "verdict.minor": "En liten brist",
    "verdict.major": "En allvarlig brist",
    "verdict.critical": "En mycket allvarlig brist",
    "verdict.minor.many": "{n} små brister",
    "verdict.major.many": "{n} allvarliga brister",
    "verdict.critical.many": "{n} mycket allvarliga brister",
    "verdict.major.some": "{n} brister, den värsta allvarlig",
    "verdict.critical.some": "{n} brister, den värsta mycket allvarlig",
    "verdict.incomplete": "Inte fullständigt",
    "say.clean": "Det som regionerna lämnat över stämmer överens, och alla granskade underskrifter håller. Vad som inte"
    " granskades står längre ner.",
    "say.unconfirmed": "Det som regionerna lämnat över stämmer överens. Ingen angav vilken studie som menades, så det"
    " är inte bekräftat att det är den som ni skrev under.",
    "say.minor": "Något mindre är inte i ordning.",
    "say.major": "Något viktigt är inte i ordning.",
    "say.critical": "Något som inte får hända har hänt.",
    "say.files": "Något som inte får hända har hänt, eller så har filerna skadats på vägen.",
    "more": "Och {n} till, se nedan under ”Vad som hittades”.",
    "comma": ",",
    "say.incomplete": "Inget motsäger, men mindre lämnades över än som behövs, eller så gick en fil inte att läsa.",
    "q.agree": "Sade alla regioner ja till att delta?",
    "a.agree.yes": "Ja: {regions} har skrivit under att de deltar.",
    "a.agree.no": "Något ja från {regions} finns inte att se.",
    "a.agree.none": "Det finns ingen studie i filerna.",
    "q.altered": "Har något ändrats eller utelämnats?",
    "a.altered.no": "Nej. Allt som lämnats över är som regionen skrev under det, och inget saknas som andra har"
    " underskrivet.",
    "a.altered.part": "Inte så långt det gick att granska; {regions} lämnade inget över.",
    "a.altered.files": "Filerna är inte som de skrevs under: {files}. Det kan ha hänt på vägen.",
    "a.altered.missing": "Utelämnats: en del av det som {regions} antecknat lämnades inte över. Ändrats: inte så vitt"
    " det går att se.",
    "a.altered.lost": "Förlorat: {regions} har inte kvar en del av det som antecknats, enligt egen uppgift. Ändrats:"
    " inte så vitt det går att se.",
    "a.altered.rule": "Nej. Anteckningarna är äkta, och just de visar bristen som står ovan.",
    "a.altered.yes": "Ja. Underskrivna anteckningar från {regions} motsäger varandra; se ovan.",
    "a.altered.what": "Ja. {what}",
    "a.altered.more": "Mer står i rutan ovan.",
    "q.who": "Vem pekas ut?",
    "a.who.none": "Ingen region pekas ut.",
    "a.who.missing": "Ingen, såvitt visat. Anteckningar från {regions} saknas.",
    "a.who": "{regions}. Egna underskrivna anteckningar visar det, men inte om det var avsikten. Ingen annan region"
    " anklagas.",
    "q.use": "Får modellen användas?",
    "a.use.yes": "Inget som hittats talar emot det. Vad som inte granskades står nedan. Beslutet är regionens.",
    "a.use.minor": "Inget allvarligt hittades som talar emot det; se först på den lilla bristen. Beslutet är"
    " regionens.",
    "a.use.lab": "Inte för patienter: enligt planen är studien till för att pröva programmet. Inget som hittats talar"
    " emot att använda den till det.",
    "a.use.not": "Inte så långt den här rapporten räcker: {why}.",
    "why.none": "det finns ingen studie i filerna",
    "why.missing": "anteckningar från {regions} saknas eller går inte att använda",
    "why.incomplete": "anteckningar saknas, eller så gick en fil inte att läsa",
    "why.agree": "att {regions} sagt ja till att delta är inte visat",
    "why.unconfirmed": "det är inte bekräftat att det är den studie som ni skrev under",
    "why.budget": "vad som användes av integritetsbudgeten är inte känt",
    "why.unlimited": "studien satte ingen gräns för vad modellen får avslöja om en enskild person: med riktiga"
    " patienter måste det först motiveras",
    "a.model.PROVEN": "Modellen är den som anteckningarna ger: allt som den är gjord av räknades om, och det är rätt.",
    "a.model.CONTRADICTED": "Modellen är inte den som anteckningarna ger, se ”Vad som hittades” nedan.",
    "a.model.claim": "Om modellen är den som anteckningarna ger är inte känt: anteckningarna från {regions} motsäger"
    " varandra.",
    "a.model.PART": "Så långt den gick att räkna om är modellen den som anteckningarna ger; allt gick inte att räkna"
    " om, se ”Vad som är bevisat” nedan.",
    "a.model.NOT CHECKED": "Om modellen är den som anteckningarna ger granskades inte: det som behövs för att räkna om"
    " den finns inte i filerna, se ”Vad som är bevisat” nedan.",
    "q.budget": "Hölls integritetsbudgeten?",
    "a.budget.yes": "Ja: epsilon {most} av högst {limit} användes, för varje region, omräknat ur det som antecknats.",
    "a.budget.no": "Nej: {regions} använde epsilon {most} i allt; högst {limit} var tillåtet för varje region. Ju mer,"
    " desto mer kan uppdateringarna avslöja om en enskild patient.",
    "a.budget.others": "Ingen annan region använde för mycket.",
    "a.budget.less": "Nej: {regions} angav mindre än vad som användes.",
    "a.budget.none": "Studien satte ingen sådan budget, så inget begränsar vad modellen kan avslöja om en patient.",
    "a.budget.claim": "Enligt anteckningarna användes epsilon {most} av högst {limit}, för varje region. För {regions}"
    " är det bara vad loggen påstår, så där är svaret inte känt.",
    "a.budget.open": "För {regions} visar anteckningarna det inte. Ingen region har såvitt visat använt för mycket.",
    "q.data": "Lämnade rådata någon region?",
    "a.data": "Inget sådant är antecknat: det som lämnat är {what} och vad planen i övrigt anger, uppräknat i papperet"
    " som varje region skrev under (Bilaga till en gemensam studie). Anteckningar kan inte visa vad som hänt utanför"
    " dem.",
    "a.data.lie": "Om {regions} går inget att säga: dess anteckningar motsäger varandra. Hos de andra regionerna är"
    " inget sådant antecknat: det som lämnat dem är {what} och vad planen i övrigt anger. Anteckningar kan inte visa"
    " vad som hänt utanför dem.",
    "a.data.missing": "Inte känt för {regions}, vars anteckningar saknas eller inte går att använda. I det som"
    " lämnats över är inget sådant antecknat: det som lämnat är {what} och vad planen i övrigt anger."
    " Anteckningar kan inte visa vad som hänt utanför dem.",
    "a.data.released": "{regions} har också lämnat ut något som planen inte tillåter, se ovan.",
    "data.masked": "maskerade tal",
    "data.clear": "tal utan masker, som den här planen tillåter,",
    "q.now": "Vad göra nu?",
    "a.now.ask": "Det kan vilken region som helst i studien göra, eller den som granskar den.",
    "a.use.wait": "Inte ännu: använd inte studiens modell förrän det är utrett.",
    "a.now.more": "För övriga brister står nedan vad som ska göras.",
    "a.now.clean": "Inget behöver göras. Förvara rapporten med studiens handlingar.",
    "a.now.clean.open": "Ingen brist behöver utredas; det som svaret ovan nämner kommer innan modellen används. Förvara"
    " rapporten med studiens handlingar.",
    "a.now.incomplete": "Be om det som inte lämnades över, och granska igen.",
    "a.now.sample": "Ett stickprov, {again} av {sums} summor, räknades om, så som planen är gjord.",
    "a.now.unconfirmed": "Ta fram papperet som er region skrev under, Bilaga till en gemensam studie. Jämför studiens"
    " id på det med det som står nedan, under Studier, och granska igen med detta id: `--study ID`.",
    "h.findings": "Vad som hittades",
    "h.known": "För kännedom",
    "h.questions": "Vad som är bevisat, och vad som inte är det",
    "h.coverage": "Vad som lämnades över",
    "h.rounds": "Rundorna, region för region",
    "h.lineage": "Var modellerna kommer ifrån",
    "h.studies": "Studier",
    "h.limits": "Vad anteckningar inte kan visa",
    "h.glossary": "Ord",
    "h.inputs": "Filer och verktyg",
    "none": "Inget.",
    "f.why": "Vem som får pekas ut",
    "f.shows": "Vad som visar det",
    "f.next": "Vad göra",
    "f.info": "Ingen anklagelse",
    "f.detail": "Detalj",
    "f.detail.english": "Detalj (teknisk text på engelska)",
    "f.more": "Vem som får pekas ut, och vad som visar det",
    "f.each": "Var och en av de {n}",
    "no.faults": "Inga brister.",
    "files.alone": "Den här rapporten vilar bara på de här filerna; en annan rapport om samma studie kan vila på"
    " andra.",
    "t.question": "Fråga",
    "t.answer": "Svar",
    "t.note": "Anmärkning",
    "t.region": "Region",
    "t.entries": "Poster",
    "t.found": "Finns hos andra och återfanns",
    "t.bundle": "Fil",
    "t.absent": "ingen",
    "t.file": "Fil",
    "t.sum": "SHA-256",
    "t.tool": "Det här verktyget",
    "t.court": "landsting-audit.pyz i den här versionen, för en andra granskning",
    "legend.mixed": "medelvärde med andra",
    "legend.summed": "räknade tillsammans",
    "legend.kept": "gick vidare ensam",
    "legend.none": "inget antecknat",
    "legend.claimed": "bara påstått",
    "svg.rounds": "Rundor från vänster till höger; en rad för varje region.",
    "svg.claimed": "Streckat: vad anteckningarna från {regions} påstår. De motsäger varandra, så det som de visar här"
    " kan vara falskt.",
    "svg.lineage": "Från den första modellen till vänster till den sista till höger; talet är hur många andras värden"
    " som ingick.",
    "start": "start",
    "released": "släppt",
    "round": "runda {round}",
    "PROVEN": "BEVISAT",
    "CONTRADICTED": "MOTSAGT",
    "NOT CHECKED": "INTE GRANSKAT",
    "PART": "GRANSKAT TILL EN DEL",
    "NONE SET": "INGEN VAR SATT",
    "UNDECIDABLE": "GÅR INTE ATT AVGÖRA",
    "severity.critical": "mycket allvarligt",
    "severity.major": "allvarligt",
    "severity.minor": "litet",
    "severity.info": "för kännedom",
    "severity.refused": "avvisad fil",
    "answers": "BEVISAT: underskrifter och räkning visar det. MOTSAGT: de visar motsatsen. GRANSKAT TILL EN DEL: det"
    " som gick att granska stämmer; för resten sparades något inte eller lämnades inte över. INTE GRANSKAT: det som"
    " behövs för att granska sparades inte eller lämnades inte över. INGEN VAR SATT: planen sätter ingen gräns som kan"
    " hållas eller brytas. GÅR INTE ATT AVGÖRA: inga anteckningar kan visa det. Varken GRANSKAT TILL EN DEL eller"
    " INTE GRANSKAT är i sig en brist.",
}

PAGE: Mapping[str, Mapping[str, str]] = {"en": EN, "sv": SV}
