"""What an operator may ask of a region, and the answers; the same with and without a daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto.keys import PrivateKeys
from gossip.errors import Refusal
from gossip.logs import upkeep
from gossip.logs.waking import Mode
from gossip.step import Step
from gossip.studies.whereabouts import Phase
from protocol.errors import LogError
from protocol.roster import Card

if TYPE_CHECKING:
    from gossip.peer import Peer

READING = ("keys_approve", "releases", "roster_show", "studies", "study", "status")


def answer(peer: Peer, step: Step, op: str, args: dict[str, object]) -> dict[str, object]:
    """Carry out one request and return its result, ready for JSON.

    Raises:
        Refusal: It cannot be done; nothing is half-done.
    """
    try:
        return _answer(peer, step, op, args)
    except LogError as error:
        raise Refusal(
            "VALUE",
            str(error),
            "a diary number of letters, digits and ./:-, and no person's number or address",
            "Give the diary number of the decision.",
        ) from error


def _answer(peer: Peer, step: Step, op: str, args: dict[str, object]) -> dict[str, object]:
    if peer.waking.is_asking and op not in READING:
        waits = ", ".join(peer.waking.waits_for) or "neighbours"
        if peer.waking.mode is Mode.NEW_EPOCH:
            raise Refusal(
                "QUIET",
                f"this region's log was begun anew, and waits to be confirmed by {waits}",
                "confirmed by enough neighbours",
                "landsting status --home HOME",
            )
        if peer.waking.mode is Mode.QUIET:
            raise Refusal(
                "QUIET",
                f"this node still {peer.waking.question}",
                "answers of enough other regions",
                "landsting status --home HOME",
            )
        raise Refusal(
            "ROLLED_BACK",
            "this region's log has been put back to an earlier state; nothing is appended",
            "the log as it was",
            "Stop the node, then: landsting restore --home HOME",
        )
    role, ref = str(args.get("role") or "technical"), args.get("ref")
    diary = str(ref) if ref is not None else None
    membership, agreement = peer.membership, peer.agreement
    match op:
        case "roster_found":
            lines = args.get("cards")
            return membership.found(step, [str(line) for line in lines] if isinstance(lines, list) else [], role, diary)
        case "roster_sign":
            wanted = args.get("roster")
            return membership.sign(step, role, diary, str(wanted) if wanted is not None else None)
        case "keys_rotate":
            card, keys = args.get("card"), args.get("keys")
            if not isinstance(card, Card) or not isinstance(keys, PrivateKeys):
                raise Refusal("VALUE", "no new key set", "one that the home holds", "landsting keys rotate")
            return peer.rotation.offer(card, keys)
        case "keys_revoke":
            return peer.rotation.revoke(step, args)
        case "keys_approve":
            return peer.rotation.approve(args)
        case "roster_withdraw":
            return membership.withdraw(step, str(args.get("roster") or ""))
        case "leave":
            study = _study(peer, args)
            running = peer.studies.get(study)
            if running is None or running.outcome is not None:
                raise Refusal("STUDY", "this study does not run here", "one that does", "landsting study list")
            running.leave(step)
            return agreement.describe(study)
        case "record":
            return upkeep.record(peer, step, args)
        case "release_approve":
            return peer.releasing.approve(step, {**args, "study": _study(peer, args)})
        case "release_offer":
            return peer.releasing.offer(step, {**args, "study": _study(peer, args)})
        case "release":
            return peer.releasing.release(step, {**args, "study": _study(peer, args)})
        case "releases":
            return {"releases": peer.releasing.describe()}
        case "redact":
            return upkeep.redact(peer, step, args)
        case "prune":
            return upkeep.prune(peer, step)
        case "roster_show":
            return membership.show()
        case "propose":
            return agreement.propose(step, _bytes(args, "plan"), membership.in_force)
        case "accept":
            sheet = args.get("sheet")
            sheet = sheet if isinstance(sheet, bytes) else None
            return agreement.accept(step, _study(peer, args), role, diary, membership.in_force, sheet)
        case "reject":
            reason = str(args.get("reason"))
            return agreement.reject(step, _study(peer, args), reason, role, diary)
        case "studies":
            return {"studies": [agreement.describe(s) for s in sorted(agreement.proposals)]}
        case "study":
            study = _study(peer, args)
            return {**agreement.describe(study), "plan": agreement.proposals[study].encoded.hex()}
        case "status":
            return status(peer, step.now_ms)
        case "export":
            wanted = args.get("study")
            requester = args.get("requester")
            step.add(
                "audit.export",
                {
                    "requester_ref": str(requester) if requester is not None else None,
                    "study": wanted if isinstance(wanted, bytes) else None,
                    "payloads": str(args.get("payloads") or "kept"),
                    "mirrors": args.get("mirrors") is True,
                },
            )
            step.publish()
            return {"size": peer.log.size}
        case _:
            raise Refusal("VALUE", f"the request {op!r}", "one that this version knows", "landsting --help")


def _bytes(args: dict[str, object], key: str) -> bytes:
    value = args.get(key)
    if not isinstance(value, bytes):
        raise Refusal("VALUE", f"{key} is missing", f"{key} as bytes", "landsting --help")
    return value


def _study(peer: Peer, args: dict[str, object]) -> bytes:
    """A study by its id, or by the beginning of it if only one fits."""
    value = args.get("study")
    prefix = value.hex() if isinstance(value, bytes) else str(value or "")
    found = [s for s in peer.agreement.proposals if s.hex().startswith(prefix)]
    if len(found) != 1 or not prefix:
        what = "no study" if not found else f"{len(found)} studies"
        raise Refusal(
            "STUDY",
            f"{what} beginning with {prefix!r}",
            "the id of one study, or its first digits",
            "landsting study list",
        )
    return found[0]


def _of_own_log(peer: Peer) -> list[dict[str, object]]:
    """Alarms of a log that is asked about, and of one for which others have suspended this region."""
    found: list[dict[str, object]] = []
    if peer.waking.mode is Mode.QUIET:
        found.append({"code": "QUIET", "since": None, "fix": peer.waking.question})
    by_code: dict[str, list[str]] = {}
    for name, code in sorted(peer.waking.suspended_by.items()):
        by_code.setdefault(code, []).append(name)
    for code, names in by_code.items():
        has = "its log has two histories" if code == "LS-FORK" else "two of its statements exclude each other"
        remedy = (
            "If an old backup was put back and gone on with: stop the node, landsting restore --new-epoch --reason"
            " rollback, and then found a new roster with the others"
            if code == "LS-FORK"
            else "Found a new roster with the others"
        )
        found.append(
            {
                "code": "CONVICTED",
                "since": None,
                "fix": f"{', '.join(names)} use nothing of this region any more, since {has} ({code}). {remedy}:"
                " it takes this region up again when two thirds have signed it. What was found stays in every audit",
            }
        )
    return found


def status(peer: Peer, now_ms: int) -> dict[str, object]:
    """What a region can say of itself, ready for JSON."""
    study = peer.current
    running = study is not None and study.phase is not Phase.ENDED
    roster = peer.membership.in_force or (peer.membership.newest.roster if peer.membership.newest else None)
    names = [n for n in roster.names if n != peer.me] if roster is not None else []
    peers = []
    for name in names:
        n = peer.presence.of(name)
        peers.append(
            {
                "region": name,
                "state": "suspended" if name in peer.blame.suspended else n.state if n.linked else "away",
                "round": n.round if n.round >= 0 else None,
                "rtt_ms": n.rtt_ms,
                "last_seen_s": (now_ms - n.heard_ms) / 1000 if n.heard_ms is not None else None,
            }
        )
    waiting = study.waiting_for(now_ms) if study is not None else []
    budget = study.context.plan.dp["eps_max_u"] / 1e6 if study is not None and study.context.plan.dp else None
    used = study.epsilon_u / 1e6 if study is not None and study.epsilon_u is not None else 0.0
    alarms: list[dict[str, object]] = []
    if study is not None and study.alone and running:
        alarms.append(
            {
                "code": "ALONE",
                "since": None,
                "fix": "ALONE: too few neighbours to hide behind; training goes on and mixes again when they are back",
            }
        )
    if running and names and not any(peer.presence.is_live(name, now_ms) for name in names):
        alarms.append(
            {"code": "CUT-OFF", "since": None, "fix": "no other region is heard; look at this node's line and firewall"}
        )
    alarms += [
        {"code": "SUSPENDED", "since": None, "fix": f"{name} contradicted itself: landsting log show --kind fault"}
        for name in sorted(peer.blame.suspended)
    ]
    alarms += [
        {"code": "LS-RELEASE-RULE", "since": None, "fix": f"{name} released what the plan does not allow: {words}"}
        for name, words in sorted(peer.releasing.copies.broken.items())
    ]
    alarms += _of_own_log(peer)
    if peer.waking.mode is Mode.ROLLED_BACK:
        size = peer.waking.larger.size if peer.waking.larger is not None else "more"
        alarms.append(
            {
                "code": "ROLLED-BACK",
                "since": None,
                "fix": f"this log has had {size} entries; nothing is appended. Stop the node, then: landsting restore",
            }
        )
    if peer.waking.mode is Mode.NEW_EPOCH:
        missing = ", ".join(peer.waking.waits_for) or "neighbours"
        alarms.append(
            {
                "code": "NEW-EPOCH",
                "since": None,
                "fix": f"this log was begun anew and goes on once enough neighbours confirm it; it waits for {missing}",
            }
        )
    elif peer.reentry.is_new and study is not None and running and peer.reentry.waits_for(study):
        missing = ", ".join(peer.reentry.waits_for(study))
        alarms.append(
            {
                "code": "NEW-EPOCH",
                "since": None,
                "fix": f"this log was begun anew; the study goes on once {missing} has said "
                "what it holds of the last one",
            }
        )
    if study is not None and study.words:
        alarms.append({"code": "STOPPED", "since": None, "fix": study.words})
    if study is not None:
        alarms += [{"code": "WARNING", "since": None, "fix": words} for words in study.context.warnings]
    answers = {
        s.hex(): agreement["waiting_for"]
        for s in peer.agreement.proposals
        if (agreement := peer.agreement.describe(s))["state"] == "proposed"
    }
    return {
        "region": peer.me,
        "state": peer.state,
        "study": study.id.hex() if study is not None else None,
        "lab": study.context.plan.lab if study is not None else None,
        "masking": study.context.plan.masking["mode"] if study is not None else None,
        "disclosed": study.context.plan.sentences() if study is not None else [],
        "round": study.round if study is not None else None,
        "end_round": study.context.plan.end_round if study is not None else None,
        "first_round": study.context.plan.sum_rounds if study is not None else None,
        "outcome": study.outcome if study is not None else None,
        "reason": study.reason if study is not None else None,
        "rounds_mixed": study.rounds_mixed if study is not None else 0,
        "rounds": study.history if study is not None else [],
        "waiting_for": [
            {
                "region": w["region"],
                "what": w["what"],
                "since_s": (now_ms - int(str(w["since_ms"]))) / 1000,
                "until_s": (int(str(w["until_ms"])) - now_ms) / 1000 if w["until_ms"] is not None else None,
            }
            for w in waiting
        ],
        "unanswered": answers,
        "to_judge": peer.releasing.asked(),
        "peers": peers,
        "epsilon": {"used": used, "budget": budget} if budget is not None else None,
        "log": {
            "size": peer.log.size,
            "root": peer.log.root.hex(),
            "cosigned_by": peer.witness.confirmed_by,
            "epoch": peer.reentry.epoch,
            "confirmed_by": sorted(peer.witness.held.cosigned),
        },
        "alarms": alarms,
    }
