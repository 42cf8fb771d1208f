"""The words of ``landsting log disclosures``, Swedish and English: equal keys in both, as a test sees to."""

from __future__ import annotations

from collections.abc import Mapping

from node.pages.disclosures import Approval, Line
from node.pages.disclosures_groups import Group, Row

LANGUAGES = ("sv", "en")

FORMS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "clear": "value in the clear",
        "masked": "masked update",
        "sum": "sum",
        "statistics": "statistics",
        "model": "model",
        "synthetic": "synthetic data",
        "evidence": "evidence",
        "copy": "copy of the log",
        "handover": "log for an auditor",
        "organisation": "organisational message",
    },
    "sv": {
        "clear": "värde i klartext",
        "masked": "maskerad uppdatering",
        "sum": "summa",
        "statistics": "statistik",
        "model": "modell",
        "synthetic": "syntetiska data",
        "evidence": "bevis",
        "copy": "kopia av loggen",
        "handover": "logg till granskare",
        "organisation": "organisatoriskt meddelande",
    },
}

# What the receiver could learn. {among} is how many values the sum has, {to} who receives.
LEARNS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "MASKED": "By itself random numbers; {to} learns the sum of {among} regions' updates, none of them alone.",
        "MASKED.sum": "By itself random numbers; {to} learns the total of {among} regions' figures, no region's own.",
        "MASKED.state": "By itself random numbers; {to} learns the mean of {among} regions' models, none alone.",
        "PARTIAL": "By itself random numbers, also to those who pass it on; only the sum of all comes out at the end.",
        "clear": "This region's whole update, as it is: how its own patients changed the model.",
        "clear.dp": "This region's whole update; differential privacy limits what it tells of any one patient.",
        "RESULT": "The sum of all regions in the round, no region's own update.",
        "RESULT.void": "That the round gave no sum, and why.",
        "model.release": "The model, and what a trained model tells of those that it learned from.",
        "data.release": "Made-up patients, and what their tables tell of the real ones.",
        "offer.data": "Made-up patients, before release: {to} judges them on its own rows, and keeps them until then.",
        "offer.model": "The model, before release: {to} judges it on its own rows, and is to keep it until then.",
        "APPROVE": "That this region has judged a file and signs for it; which file, by its fingerprint.",
        "EVIDENCE": "Two signed statements that contradict each other, and whose they are; no patient's data.",
        "copy": "Who did what in which round of common studies; fingerprints of everything else; no values.",
        "handover": "What happened, when and by whose decision; signed messages and fingerprints, no values.",
        "handover.payloads": "What happened, and masked values: with others' files, what their receivers learned.",
        "ROSTER": "Which regions are in the network, with their public keys and addresses.",
        "PROPOSE": "The plan of a study.",
        "ACCEPT": "That this region takes part, and with which code.",
        "REJECT": "That this region does not take part, and a code for why.",
        "ADVERT": "That this region is ready for the round, with keys that count once.",
        "COHORT": "Who is in a sum, with keys that count once.",
        "SHARES": "Sealed pieces of a key that counts once; {to} cannot open those of others.",
        "ROUTED": "Sealed pieces of keys that others sent to {to}, passed on.",
        "RECEIPT": "That a value arrived.",
        "SURVIVORS": "Whose values are in a sum.",
        "CONFIRM": "That this region has seen whose values are in a sum.",
        "CONFIRMS": "That all have seen whose values are in a sum.",
        "REVEAL": "Pieces of keys with which the masks of a sum come off: of each region one of two, never both.",
        "COMPLAINT": "That a sealed piece could not be opened, and who sent it.",
        "ABSENT": "Which rounds this region misses.",
    },
    "sv": {
        "MASKED": "För sig slumptal; {to} får veta summan av {among} regioners uppdateringar, ingen enskild.",
        "MASKED.sum": "För sig slumptal; {to} får veta totalen av {among} regioners siffror, ingen regions egna.",
        "MASKED.state": "För sig slumptal; {to} får veta medelvärdet av {among} regioners modeller, ingen enskild.",
        "PARTIAL": "För sig slumptal, även för den som skickar vidare; först summan av alla går att läsa.",
        "clear": "Regionens hela uppdatering som den är: hur dess egna patienter ändrade modellen.",
        "clear.dp": "Regionens hela uppdatering; differentiell integritet begränsar vad den säger om varje patient.",
        "RESULT": "Summan av alla regioner i rundan, ingen regions egen uppdatering.",
        "RESULT.void": "Att rundan inte gav någon summa, och varför.",
        "model.release": "Modellen, och det en tränad modell säger om dem den lärt av.",
        "data.release": "Påhittade patienter, och det deras tabeller säger om de verkliga.",
        "offer.data": "Påhittade patienter, före frisläppandet: {to} prövar dem mot egna rader och håller dem hos sig.",
        "offer.model": "Modellen, före frisläppandet: {to} prövar den mot egna rader och håller den hos sig.",
        "APPROVE": "Att regionen har prövat en fil och skriver under på den; vilken fil, genom dess fingeravtryck.",
        "EVIDENCE": "Två underskrivna utsagor som motsäger varandra, och vems de är; inga patientuppgifter.",
        "copy": "Vem som gjorde vad i vilken runda av gemensamma studier; fingeravtryck av allt annat; inga värden.",
        "handover": "Vad som hänt, när och efter vems beslut; meddelanden och fingeravtryck, inga värden.",
        "handover.payloads": "Vad som hänt, och maskerade värden: med andras filer det som mottagarna fick veta.",
        "ROSTER": "Vilka regioner som ingår i nätverket, med öppna nycklar och adresser.",
        "PROPOSE": "En studies plan.",
        "ACCEPT": "Att regionen deltar, och med vilken kod.",
        "REJECT": "Att regionen inte deltar, och en kod för varför.",
        "ADVERT": "Att regionen är redo för rundan, med nycklar som gäller en gång.",
        "COHORT": "Vilka som ingår i en summa, med nycklar som gäller en gång.",
        "SHARES": "Förseglade delar av en nyckel som gäller en gång; {to} kan inte öppna andras.",
        "ROUTED": "Förseglade delar av nycklar som andra skickat till {to}, vidarebefordrade.",
        "RECEIPT": "Att ett värde kommit fram.",
        "SURVIVORS": "Vilkas värden som ingår i en summa.",
        "CONFIRM": "Att regionen har sett vilkas värden som ingår i en summa.",
        "CONFIRMS": "Att alla har sett vilkas värden som ingår i en summa.",
        "REVEAL": "Delar av nycklar som tar bort en summas masker: för varje region en av två, aldrig båda.",
        "COMPLAINT": "Att en förseglad del inte gick att öppna, och vem som skickade den.",
        "ABSENT": "Vilka rundor regionen missar.",
    },
}

ROLES: Mapping[str, Mapping[str, str]] = {
    "en": {"controller": "controller", "dpo": "data protection officer", "technical": "technical", "data": "exception"},
    "sv": {
        "controller": "personuppgiftsansvarig", "dpo": "dataskyddsombud", "technical": "teknisk", "data": "undantag",
    },
}  # fmt: skip

PAGE: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "What left {region}",
        "about": "Read from this region's own signed log. Times are UTC, by this region's clock. A message counts once "
                 "for each region that it was sent to, with header, signature and content.",
        "limits": "Not on this list, since no entry shows it: signs of life and confirmations between nodes, messages "
                  "of other regions that were passed on unread, copies of the log that a neighbour took and never "
                  "confirmed, and whatever left outside this software.",
        "unreadable": "{count} entries are erased or lost; what they showed is not on the list.",
        "nothing": "Nothing on record.",
        "filter.to": "only to {to}",
        "filter.since": "only from {since} on",
        "when": "when", "to": "to", "form": "form", "bytes": "bytes", "study": "study", "round": "round",
        "approval": "approved by", "learns": "what the receiver could learn", "count": "count", "at": "entry",
        "type": "type", "sums": "Together", "one.study": "Study {study}", "no.study": "Under no study",
        "could.learn": "What the receiver could learn:", "each": "Each one ({count})", "times": "times",
        "rounds": "rounds", "period": "from, to", "receiver": "the receiver",
        "file": "whoever gets the file", "auditor": "auditor, {ref}", "none": "none yet", "all": "all",
    },
    "sv": {
        "title": "Det som lämnat {region}",
        "about": "Läst ur regionens egen underskrivna logg. Tider är UTC enligt regionens klocka. Ett meddelande "
                 "räknas en gång för varje region det skickades till, med huvud, underskrift och innehåll.",
        "limits": "Inte med på listan, eftersom ingen post visar det: livstecken och bekräftelser mellan noder, andra "
                  "regioners meddelanden som skickats vidare olästa, kopior av loggen som en granne tagit och aldrig "
                  "bekräftat, och det som lämnat utanför denna programvara.",
        "unreadable": "{count} poster är raderade eller förlorade; det de visade finns inte på listan.",
        "nothing": "Inget finns antecknat.",
        "filter.to": "endast till {to}",
        "filter.since": "endast från och med {since}",
        "when": "när", "to": "till", "form": "form", "bytes": "byte", "study": "studie", "round": "runda",
        "approval": "godkänt av", "learns": "vad mottagaren kunde få veta", "count": "antal", "at": "post",
        "type": "typ", "sums": "Sammanlagt", "one.study": "Studien {study}", "no.study": "Utanför studier",
        "could.learn": "Vad mottagaren kunde få veta:", "each": "Var och en ({count})", "times": "gånger",
        "rounds": "rundor", "period": "från, till", "receiver": "mottagaren",
        "file": "den som får filen", "auditor": "granskare, {ref}",
        "none": "inget ännu", "all": "alla",
    },
}  # fmt: skip


def receiver(line: Line | Row, lang: str) -> str:
    """Return to whom a thing went, in words."""
    if line.to is not None:
        return line.to
    return PAGE[lang]["auditor"].format(ref=line.requester) if line.requester else PAGE[lang]["file"]


def learns(line: Line, lang: str) -> str:
    """Return what the receiver could learn, in one sentence."""
    return _learns(line.what, line.among, receiver(line, lang), lang)


def group_learns(group: Group, lang: str) -> str:
    """Return the same for all receivers of a group."""
    return _learns(group.what, group.among, PAGE[lang]["receiver"], lang)


def _learns(what: str, among: int, to: str, lang: str) -> str:
    shown = str(among) if among else {"en": "several", "sv": "flera"}[lang]
    return LEARNS[lang][what].format(to=to, among=shown)


def approved(approvals: tuple[Approval, ...], lang: str) -> str:
    """Return roles with their diary numbers, "none yet" where nothing was accepted before."""
    return "; ".join(_approval(one, lang) for one in approvals) or PAGE[lang]["none"]


def _approval(one: Approval, lang: str) -> str:
    words = ROLES[lang][one.role] + (f" {one.check}" if one.check else "")
    return f"{words} ({one.ref})" if one.ref else words
