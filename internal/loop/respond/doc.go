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
// What must hold: an incident is resolved only when no alert of its group fires, or a person says so with a reason.
package respond
