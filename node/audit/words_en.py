"""English words of the auditor: one row for each code, one phrase for each sentence of a report.

Plain words for people who have to decide something: what was found, whom it concerns, what to do.
"""

from __future__ import annotations

from collections.abc import Mapping

from node.audit.words import Words
from node.audit.words_en_study import STUDY_CODES

_NOBODY = "Nobody: a courier, a disk or a liar may have done it. The finding says which bundle presents it."
_SIGNED = "The region whose own valid signature covers the entry; nobody, where the root is not signed."
_SELF = "Only the region that signed both statements."
_REFUSED = "The file is not a sound evidence bundle ({detail}). Nothing in it was used."
_AGAIN = "Ask the region for the bundle again, by another way."

_CODES: dict[str, Words] = {
    "LS-BUNDLE-FORMAT": Words(
        "not a sound bundle",
        _REFUSED,
        _AGAIN,
        _NOBODY,
        "The file itself; the finding says which member and what was expected of it.",
        "A file was cut short on its way, or is something else than a bundle.",
    ),
    "LS-BUNDLE-PATH": Words(
        "a name that no bundle has",
        _REFUSED,
        _AGAIN,
        _NOBODY,
        "The name of the member, as far as it can be printed.",
        "A member is called ../x, is a link, or stands twice in the file.",
    ),
    "LS-BUNDLE-LIMIT": Words(
        "a bundle beyond the limits",
        _REFUSED,
        _AGAIN,
        _NOBODY,
        "The size found and the size allowed.",
        "A small file that claims to unpack to gigabytes.",
    ),
    "LS-BUNDLE-MANIFEST": Words(
        "files and list of files differ",
        _REFUSED,
        _AGAIN,
        _NOBODY,
        "The name of the member whose bytes are not those that manifest.txt names.",
        "One file inside the bundle was exchanged afterwards.",
    ),
    "LS-BUNDLE-SIG": Words(
        "bundle without its region's signature",
        "The bundle is not signed by the region it comes from ({detail}).",
        "Ask the region to export again; what its log itself signs was checked all the same.",
        _NOBODY,
        "manifest.note, or its absence.",
        "Somebody packed the files anew: the list of files is no longer the signed one.",
    ),
    "LS-STUDY-ID": Words(
        "another plan than the one named",
        "The plan in the bundle is not the plan you named ({detail}).",
        "Compare the study id with the one on the annex that was signed for; ask for the bundle of that study.",
        _NOBODY,
        "The name of the plan file and the SHA-256 of its bytes.",
        "A bundle of last year's study was handed over.",
    ),
    "LS-ROSTER": Words(
        "list of regions does not follow",
        "The list of regions does not follow from the plan's ({detail}).",
        "Ask for the roster whose hash stands in the plan.",
        _NOBODY,
        "The hash in the plan and the rosters in the bundle.",
        "A roster with one key exchanged was put beside the right plan.",
    ),
    "LS-VIEW": Words(
        "readable text differs",
        "The readable text differs from the signed entries ({detail}).",
        "Read the entries from leaves.bin, with `landsting log show`; do not use leaves.jsonl of this bundle.",
        _NOBODY,
        "The first line that differs from the entry it shows.",
        "Somebody edited leaves.jsonl, which is for people only, and left the signed entries alone.",
    ),
    "LS-PAYLOAD-HASH": Words(
        "payload under a false name",
        "A stored payload is not the one its name says ({detail}).",
        _AGAIN,
        _NOBODY,
        "The name of the payload and the SHA-256 of its bytes.",
        "A file in payloads/ was changed and the list of files written anew.",
    ),
    "LS-ENTRY-FORMAT": Words(
        "entry not in the one allowed form",
        "Entry {seq} is not in the one allowed form ({detail}).",
        "Ask for the bundle again; if the region signed it, ask the region how its log came to hold this.",
        _SIGNED,
        "The entry, its place in the signed tree, the signed checkpoint.",
        "A map with a key twice, an integer in a longer form than needed, a byte too many.",
    ),
    "LS-ENTRY-SCHEMA": Words(
        "entry with fields its kind does not have",
        "Entry {seq} has fields that its kind does not have ({detail}).",
        "Ask which version of the node wrote it.",
        _SIGNED,
        "The entry, its place in the signed tree, the signed checkpoint.",
        "An entry of a kind that this version does not know.",
    ),
    "LS-ENTRY-SEQ": Words(
        "entry claims another place",
        "Entry at position {seq} claims another place or log ({detail}).",
        "Ask for the bundle again; compare with the neighbours' logs.",
        _SIGNED,
        "The entry, its place in the signed tree, the signed checkpoint.",
        "Two entries were exchanged.",
    ),
    "LS-LOG-ROOT": Words(
        "entries do not add up to the checkpoint",
        "The entries do not add up to the signed checkpoint: changed, reordered or cut ({detail}).",
        "Ask the region for its log again; its entries support no accusation in this form.",
        _NOBODY,
        "The checkpoint and the root of the entries handed over.",
        "One byte of one entry was changed after the export.",
    ),
    "LS-CHECKPOINT-FORMAT": Words(
        "checkpoint unreadable",
        "The checkpoint is unreadable ({detail}).",
        _AGAIN,
        _NOBODY,
        "The file checkpoint.note.",
        "A size written as 007, a line too many, base64 in a loose form.",
    ),
    "LS-CHECKPOINT-SIG": Words(
        "checkpoint not signed by the log's key",
        "The checkpoint is not signed by this log's key ({detail}).",
        _AGAIN,
        _NOBODY,
        "The file checkpoint.note and the log key in the roster.",
        "A signature was taken from another log.",
    ),
    "LS-KEY-UNKNOWN": Words(
        "a key that no roster holds",
        "A statement is signed with a key that no roster holds ({detail}).",
        "Ask for the roster that holds this key.",
        _NOBODY,
        "The statement and the roster it was compared with.",
        "The first entry of a log names other keys than the roster.",
    ),
    "LS-COSIG": Words(
        "cosignature does not verify",
        "A cosignature does not verify ({detail}). This says nothing about the region named in it.",
        "Ask the cosigner for its cosignature, if it matters.",
        "Nobody, least of all the region named in the cosignature: anybody can write such a line.",
        "The line of checkpoint.note.",
        "A line with a neighbour's name and random bytes was added to checkpoint.note.",
    ),
    "LS-HEAD-SELF": Words(
        "message with a false head in its own log",
        "A message that {subject} signed as entry {seq} of its own log carries a false head ({detail}).",
        "Ask {subject} why the message names another place or history than its log gives it.",
        _SELF,
        "The entry that holds the message, its place in the tree, the signed checkpoint, the root before the entry.",
        "A node signed a message with the head of another copy of its log.",
    ),
    "LS-ENV-SIG": Words(
        "false signature in another region's name in its own log",
        "In the log of {subject} stands, as entry {seq}, something in another region's name with a false"
        " signature; that other region did not do it and is not accused; whether {subject} made it or took it in"
        " unchecked is not shown, and {subject} answers for it. The name is that of {holder}. A node that keeps the"
        " rules checks a signature before it logs it.",
        "Ask {subject} how the false signature came into its log.",
        "The region whose signed log (or signed message) holds it; never the alleged sender.",
        "The entry with the message and the signature that does not verify, its place in the tree, the checkpoint.",
        "A region wrote a message into its log in a neighbour's name.",
    ),
    "LS-FORK": Words(
        "{subject} signed two different versions of its log",
        "Region {subject} signed two different versions of its log ({detail}).",
        "Ask {subject} for both versions. A disk that lost data can look the same: ask for it before you conclude.",
        _SELF,
        "Two signed statements about one place of one log that exclude each other, with the proof in the tree.",
        "One log was shown to a neighbour and another to the auditor.",
    ),
    "LS-OMITTED": Words(
        "signed message missing from its place",
        "Region {subject} signed a message as entry {seq}; its log has something else there ({detail}).",
        "Ask {subject} for what stood at entry {seq}; compare with the neighbour who holds the message.",
        _SELF,
        "The message, the entry that stands in its place, the proof in the tree, the signed checkpoint.",
        "A message was sent and then left out of the log.",
    ),
    "LS-TRUNCATED": Words(
        "later entries were not handed over",
        "The end of the log of {subject} was not handed over: at least {n} entries are missing, as signed statements"
        " that others hold show.",
        "Ask {subject} to export again. An early export looks the same: this says that evidence is missing, not that"
        " anybody lied.",
        "Only the region that signed the later statement.",
        "The later message and the checkpoint that was handed over.",
        "A region exported before the study was over.",
    ),
    "LS-EQUIVOCATION": Words(
        "two messages where only one may exist",
        "Region {subject} signed two different messages where only one may exist ({detail}).",
        "Ask {subject} for its log at both places; both receivers hold evidence.",
        _SELF,
        "Both messages with their signatures.",
        "Two cohorts were named in one session, one to each neighbour.",
    ),
    "LS-LEAF-WITHHELD": Words(
        "entries as fingerprints only",
        "{n} entries of {subject} were handed over as fingerprints only{detail}.",
        "Nothing, if they belong to other studies; otherwise ask {subject} for the whole log.",
        "The region that handed over the log.",
        "Count of such entries; where a neighbour holds a message for such a place, that message and the checkpoint.",
        "A bundle of one study shows entries of others as hashes.",
    ),
    "LS-TIME-ORDER": Words(
        "entry dated before its predecessor",
        "Entry {seq} of {subject} is dated before its predecessor ({detail}).",
        "Ask {subject}: an honest node repeats the last time when its clock steps back.",
        _SIGNED,
        "Both entries, their places in the tree, the signed checkpoint.",
        "An entry was written with a date of its own choice.",
    ),
    "LS-EXPORT-UNLOGGED": Words(
        "hand-over not logged",
        "The log of {subject} does not end with the entry that every hand-over makes.",
        "Ask {subject} to export with `landsting log export`.",
        _SELF,
        "The last entry, its place in the tree, the signed checkpoint.",
        "A log was cut and its end written anew.",
    ),
    "LS-LOG-ABSENT": Words(
        "no log handed over",
        "No log of {subject} was handed over; what others hold about it was checked.",
        "Ask {subject} for its bundle.",
        "The region of the plan whose log is missing; it is no accusation.",
        "None: nothing was handed over.",
        "Two of four regions sent their bundles.",
    ),
    "LS-LAB": Words(
        "masks were off",
        "A laboratory study: its masks were off.",
        "Use no such study for real patients.",
        "Nobody; it is a property of the plan.",
        "The plan.",
        "A demo was run with --masking off.",
    ),
}

CODES: Mapping[str, Words] = {**_CODES, **STUDY_CODES}

PHRASES: Mapping[str, str] = {
    "clean": "Clean: {counts} agree; {accepted}; nothing was altered.",
    "clean.short": "Clean: {counts} agree; {accepted}; nothing that could be checked was altered.",
    "unconfirmed": "Consistent, study not confirmed: {counts} agree and nothing was altered; {studies}.",
    "unconfirmed.one": "study found: {list}",
    "unconfirmed.many": "studies found: {list}",
    "unconfirmed.none": "no study found",
    "counts": "{logs}, {entries} and {signatures}",
    "log": "1 log",
    "logs": "{n} logs",
    "entry": "1 entry",
    "entries": "{n} entries",
    "signature": "1 signature",
    "signatures": "{n} signatures",
    "accepted": "every region accepted study {study}",
    "accepted.not": "that {regions} accepted study {study} is not shown",
    "absent": " No log of {regions} was handed over.",
    "bad": "{verdict}: {what}{more}.",
    "bad.more": " ({n} more findings)",
    "bad.more.one": " (1 more finding)",
    "bad.unconfirmed": " The study is not confirmed.",
    "refused": "Not clean: {n} of {of} bundles could not be used; {what}.",
    "incomplete": "Incomplete: nothing contradicts, but less was handed over than asked for: {what}.",
    "masks.off": " Its masks were off: a laboratory study.",
    "lab": " A laboratory study.",
    "verdict.minor": "Minor",
    "verdict.major": "Major",
    "verdict.critical": "Critical",
    "question.accept": "Did every region accept this plan?",
    "question.histories": "Do the signed histories at hand agree?",
    "question.entries": "Are the entries at hand those that were signed?",
    "question.model": "Is the model what the logged updates give?",
    "question.budget": "Was the privacy budget kept?",
    "question.data": "Did raw data leave?",
    "note.accept.none": "no study, no answer",
    "note.accept.missing": "not shown for {regions}",
    "note.accept.proposed": "not counted: {list}, which was proposed and did not begin",
    "note.histories": "{matched} of {held} statements held by others stand at their place in their sender's own log",
    "note.histories.missing": "; entries of {regions} were not handed over",
    "note.model": "computed again: {again} of {sums} sums, {remixed} of {mixes} mixes, and they agree; mixes need"
    " values that stay in their regions",
    "note.model.none": "none of {sums} sums and {mixes} mixes could be computed again",
    "note.budget": "epsilon at most {most} for each region, computed again from the logged noise and steps; that the"
    " noise was drawn is not shown",
    "note.budget.none": "the plan sets none",
    "note.budget.claim": "; of {regions} that is only what its log claims",
    "note.model.plan": "; that is no defect: by the plan, what a sum is made of is kept {kept}",
    "comma": ".",
    "note.budget.missing": "no figures of {regions}",
    "lacking.logs": "no log of {regions}; each hands over its own with `landsting log export`",
    "lacking.replay": "{again} of {sums} sums could be computed again; ask for what is kept, with"
    " `landsting log export --payloads all`",
    "lacking.replay.plan": "{again} of {sums} sums could be computed again; it is the plan that makes it so: it keeps"
    " what a sum is made of {kept}, so no bundles of this study can be computed again as a whole. Those of a plan with"
    " retention.payload_rounds = {rounds} can",
    "kept.last": "for the last {kept} of {rounds} rounds",
    "kept.drawn": "for rounds drawn by lot",
    "kept.both": "for the last {kept} of {rounds} rounds and for rounds drawn by lot",
    "kept.none": "for no round",
    "lacking.sums": "there is no sum to compute again",
    "lacking.openings": "{opened} of {drawn} drawn rounds were opened; ask for the rest with"
    " `landsting log export --openings drawn`, or let the region audit itself with `--inside`",
    "lacking.openings.plan": "no round was to be opened; it is the plan that makes it so: it draws none"
    " (retention.sample_bp = 0)",
    "lacking.openings.none": "no round was drawn by lot so far",
    "note.data": "logs cannot show it; shown is that all payloads on record are masked or committed",
    "note.data.clear": "logs cannot show it; by the plan, payloads left without masks",
    "note.data.lie": "; of {regions} not even that is shown: records there contradict each other",
    "note.data.missing": "; of {regions} not even that is shown: records are missing or cannot be used",
    "head.findings": "Findings",
    "head.questions": "Questions",
    "head.coverage": "Coverage",
    "head.studies": "Studies",
    "head.limits": "What logs cannot show",
    "none": "none",
    "place": "{where}, entry {seq}",
    "all.bundles": "all bundles",
    "next": "next: {next}",
    "coverage.log": "{region}: {entries} entries; {matched} of {held} statements held by others found at their place",
    "coverage.absent": "{region}: no log; {held} statements held by others",
    "study.row": "  {study}  {task}, {regions} regions, {rounds} rounds, masks {masking}{lab};"
    " accepted by {accepted} of {regions}{proposed}",
    "study.proposed": ", proposed only",
    "study.lab": ", laboratory",
    "limits": "that training was honest; that data were real or lawful; that noise was really drawn; what happened"
    " outside the protocol; that entries handed over as hashes belong to other studies",
}
