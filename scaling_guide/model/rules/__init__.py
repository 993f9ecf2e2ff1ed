"""The rules that records must obey together: each yields one code, with the repair in the message."""

from scaling_guide.model.rules import budgets, facts, plans, references, runbooks, sources, templates
from scaling_guide.model.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    references.topic_without_entry,
    references.duplicate_id,
    references.dangling_runbook,
    references.orphan_runbook,
    references.dangling_check,
    references.dangling_seen_by,
    references.dangling_override,
    references.dangling_source,
    references.dangling_related,
    references.dangling_alert,
    references.dangling_waiver,
    references.dangling_attestation,
    sources.figure_without_source,
    sources.source_without_address,
    sources.stale_source,
    sources.source_from_the_future,
    facts.probe_of_another_system,
    facts.missing_tier,
    facts.value_without_meaning,
    facts.operand_of_wrong_form,
    facts.placeholder_unknown,
    facts.green_on_nothing,
    facts.needless_absent_rule,
    facts.empty_version_range,
    facts.nothing_to_use,
    facts.use_out_of_bounds,
    facts.unproven_fact,
    facts.nothing_wrong_to_render,
    templates.template_without_fact,
    templates.broken_template,
    runbooks.phase_without_check,
    runbooks.alert_never_wrong,
    runbooks.precondition_that_acts,
    budgets.tiers_not_monotone,
    budgets.tier_without_room,
    budgets.budget_broken,
    plans.stale_plan,
    plans.plans_not_in_order,
    runbooks.expired_waiver,
    runbooks.overdue_review,
    runbooks.review_from_the_future,
)

# problems about what one file says of another: not to be believed while a file could not be read
REFERENCE_CODES = frozenset(
    {
        "UNKNOWN_TOPIC",
        "UNKNOWN_RUNBOOK",
        "ORPHAN_RUNBOOK",
        "UNKNOWN_CHECK",
        "UNKNOWN_SEEN_BY",
        "UNKNOWN_OVERRIDE",
        "UNKNOWN_SOURCE",
        "UNKNOWN_RELATED",
        "UNKNOWN_ALERT",
        "UNKNOWN_WAIVER",
        "UNKNOWN_ATTESTATION",
        "UNKNOWN_VALUE",
        "BUDGET_UNREADABLE",
        "TIER_UNDESCRIBED",
    }
)
