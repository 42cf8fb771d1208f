"""What the page of a report says beside the catalogue: headings, plain answers; English and Swedish.

The words that it explains are in ``page_glossary``.
"""

from __future__ import annotations

from collections.abc import Mapping

EN: Mapping[str, str] = {
    "title": "Report on a joint study",
    "date": "Date: {date}",
    "lab": "A laboratory study: its plan says that it is for trying the program out, without real patients. Where"
    " “patient” stands below, a row of test data is meant. Which data were really used, records cannot show.",
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
    "a.altered.rule": "No. The records are as they were signed; they show the defect that stands above.",
    "a.altered.yes": "Yes. Signed records of {regions} contradict each other; see above.",
    "a.altered.what": "Yes. {what}",
    "a.altered.more": "More is in the box above.",
    "q.who": "Who is named for it?",
    "a.who.none": "No region is named.",
    "a.who.missing": "Nobody, as far as is shown. Records of {regions} are missing.",
    "a.who": "{regions}. Signed records of its own show it, not whether it was meant. No other region is accused.",
    "q.model": "Is the model what the records give?",
    "a.model.PROVEN": "Yes: all that it was made of was computed again, and is right.",
    "a.model.CONTRADICTED": "No, see “What was found” below.",
    "a.model.claim": "Not known: records of {regions} contradict each other.",
    "a.model.PART": "As far as it could be computed again, yes; not all of it could be, see “What is proven” below.",
    "a.model.NOT CHECKED": "Neither yes nor no: what it takes to compute the model again is not in these files, see"
    " “What is proven” below.",
    "q.budget": "Was the privacy budget kept?",
    "a.budget.yes": "Yes: at most {most} of {limit} was spent in all, computed again from the records.",
    "a.budget.no": "No: {regions} spent {most} in all; at most {limit} was allowed. The more, the more its updates may"
    " reveal about one patient.",
    "a.budget.others": "No other region spent too much.",
    "a.budget.less": "No: {regions} stated less than was spent.",
    "a.budget.none": "The study set no such budget, so nothing limits what the model may reveal about one patient.",
    "a.budget.claim": "On record at most {most} of {limit} was spent. Of {regions} that is only what its log claims,"
    " so for"
    " it the answer is not known.",
    "a.budget.open": "For {regions} the records do not tell. No region is shown to have spent too much.",
    "q.data": "Did raw data leave a region?",
    "a.data": "Not on record: what left was {what} and what else the plan names, which the paper that every region"
    " signed (the Annex to a joint study) lists. Records cannot show what happened outside of them.",
    "a.data.lie": "Of {regions} nothing can be said: its records contradict each other. Not on the records of the other"
    " regions: what left them was {what} and what else the plan names. Records cannot show what happened outside of"
    " them.",
    "a.data.missing": "Not known for {regions}, whose records are missing or cannot be used. Not on record in what was"
    " handed over: what left was {what} and what else the plan names. Records cannot show what happened outside of"
    " them.",
    "a.data.released": "{regions} also let out what the plan does not allow, see above.",
    "data.masked": "masked numbers",
    "data.clear": "numbers without masks, as this plan allows,",
    "q.now": "What now?",
    "a.now.ask": "Any region of the study may do that, or whoever audits it.",
    "a.now.wait": "Do not use the study's model until this is settled.",
    "a.now.more": "The other defects have steps of their own, below.",
    "a.now.clean": "Nothing needs to be done. Keep this report with the papers of the study.",
    "a.now.incomplete": "Ask for what was not handed over, and check again.",
    "a.now.use": "Nothing that was checked speaks against using the model as agreed.",
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
    "UNDECIDABLE": "UNDECIDABLE",
    "severity.critical": "very grave",
    "severity.major": "grave",
    "severity.minor": "small",
    "severity.info": "for information",
    "severity.refused": "file refused",
    "answers": "PROVEN: signatures and arithmetic show it. CONTRADICTED: they show the opposite. CHECKED IN PART: what"
    " could be checked holds; for the rest something was not kept or not handed over. NOT CHECKED: for all of it."
    " UNDECIDABLE: no record could show it. Neither CHECKED IN PART nor NOT CHECKED"
    " is a defect by itself.",
}

SV: Mapping[str, str] = {
    "title": "Rapport om en gemensam studie",
    "date": "Datum: {date}",
    "lab": "En laboratoriestudie: planen säger att den är till för att pröva programmet, utan riktiga patienter. Där"
    " det nedan står ”patient” menas en rad testdata. Vilka data som verkligen användes kan anteckningar inte visa.",
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
    "a.altered.rule": "Nej. Allt antecknat är som det skrevs under; det visar bristen som står ovan.",
    "a.altered.yes": "Ja. Underskrivna anteckningar från {regions} motsäger varandra; se ovan.",
    "a.altered.what": "Ja. {what}",
    "a.altered.more": "Mer står i rutan ovan.",
    "q.who": "Vem pekas ut?",
    "a.who.none": "Ingen region pekas ut.",
    "a.who.missing": "Ingen, såvitt visat. Anteckningar från {regions} saknas.",
    "a.who": "{regions}. Egna underskrivna anteckningar visar det, men inte om det var avsikten. Ingen annan region"
    " anklagas.",
    "q.model": "Är modellen den som anteckningarna ger?",
    "a.model.PROVEN": "Ja: allt som den är gjord av räknades om, och det är rätt.",
    "a.model.CONTRADICTED": "Nej, se ”Vad som hittades” nedan.",
    "a.model.claim": "Inte känt: anteckningarna från {regions} motsäger varandra.",
    "a.model.PART": "Så långt det gick att räkna om, ja; allt gick inte att räkna om, se ”Vad som är bevisat” nedan.",
    "a.model.NOT CHECKED": "Varken ja eller nej: det som behövs för att räkna om modellen finns inte i filerna, se"
    " ”Vad som är bevisat” nedan.",
    "q.budget": "Hölls integritetsbudgeten?",
    "a.budget.yes": "Ja: högst {most} av {limit} användes i allt, omräknat ur det som antecknats.",
    "a.budget.no": "Nej: {regions} använde {most} i allt; högst {limit} var tillåtet. Ju mer, desto mer kan"
    " uppdateringarna avslöja om en enskild patient.",
    "a.budget.others": "Ingen annan region använde för mycket.",
    "a.budget.less": "Nej: {regions} angav mindre än vad som användes.",
    "a.budget.none": "Studien satte ingen sådan budget, så inget begränsar vad modellen kan avslöja om en patient.",
    "a.budget.claim": "Enligt anteckningarna användes högst {most} av {limit}. För {regions} är det bara vad loggen"
    " påstår,"
    " så där är svaret inte känt.",
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
    "a.now.wait": "Använd inte studiens modell förrän det är utrett.",
    "a.now.more": "För övriga brister står nedan vad som ska göras.",
    "a.now.clean": "Inget behöver göras. Förvara rapporten med studiens handlingar.",
    "a.now.incomplete": "Be om det som inte lämnades över, och granska igen.",
    "a.now.use": "Inget som granskats talar emot att använda modellen så som avtalat.",
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
    "UNDECIDABLE": "GÅR INTE ATT AVGÖRA",
    "severity.critical": "mycket allvarligt",
    "severity.major": "allvarligt",
    "severity.minor": "litet",
    "severity.info": "för kännedom",
    "severity.refused": "avvisad fil",
    "answers": "BEVISAT: underskrifter och räkning visar det. MOTSAGT: de visar motsatsen. GRANSKAT TILL EN DEL: det"
    " som gick att granska stämmer; för resten sparades något inte eller lämnades inte över. INTE GRANSKAT: så är det"
    " med allt. GÅR INTE ATT AVGÖRA: inga anteckningar kan visa det. Varken GRANSKAT TILL EN DEL"
    " eller INTE GRANSKAT är i sig en brist.",
}

PAGE: Mapping[str, Mapping[str, str]] = {"en": EN, "sv": SV}
