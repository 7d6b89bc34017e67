// Package respond is the fourth phase: a group of alerts is an incident that people work on. It keeps severity, status,
// commander, suspected cause with its evidence (respond/diagnose), affected services and impact; the timeline is the log
// of facts itself. It does not reach people (page does) and changes nothing in the fleet (remediate does).
//
// An incident:
//
//	                       cause named       run begins            alerts calm, or a person says so
//	(none) ──▶ investigating ────────▶ identified ────────▶ mitigating ────────▶ resolved
//	                 ▲                     │ ▲                 │                    │
//	                 │                     └─┴─ run failed ────┘                    │
//	                 └───────────────────── an alert of the group fires again ──────┘
//
// One of alerts that page nobody is queued instead of investigating: it is a ticket for the next business day, until somebody
// takes the ticket or an alert of it pages.
//
// For SEV1 and SEV2 a commander is called when people are told: the region that is on duty, or the global commander. Who
// acknowledges that call has command. At the end of the region's coverage, or of the commander's shift where there is no such
// end, command is handed over, which is a handoff:
//
//	        30 min before the end         end of coverage        confirmed, or acknowledged
//	(none) ───────────────────▶ announced ───────────────▶ due ────────────────────────────▶ accepted
//	                                │                       │ not in time: it is said, or the chain is called
//	                                └───────────────────────┴──▶ ended: resolved, or command went another way
//
// Until it is accepted the outgoing commander keeps command.
//
// What must hold: an incident is resolved only when no alert of its group fires, or a person says so with a reason.
package respond
