// Package learn is the seventh phase: when an incident is over it drafts the postmortem from what was recorded, keeps the
// action items that follow from it and chases them, and measures how incidents go. It looks for causes in systems, never
// in people. It does not decide the cause (respond does) and runs no experiment (prevent does): it only asks for the
// proof that one has passed.
//
// A postmortem:
//
//	       incident resolved          a person publishes
//	(none) ─────────────────▶ draft ─────────────────────▶ published
//	                          ▲   │ edited, or the incident came back and ended again: drafted afresh
//	                          └───┘
//
// An action item:
//
//	                           done: a person says so, and what proves it has passed when it has an experiment
//	(none) ──▶ open ──────────────────────────────────────────────────────────────────────────▶ done
//	            │ ▲ │ due: chased every week
//	            │ └─┘        a person drops it with a reason, or a later draft no longer calls for it
//	            └───────────────────────────────────────────────────────────────────────────────▶ dropped
//
// What must hold: the text that a person edited is never overwritten; an open item always has a timer; an item with an
// experiment is done only when that experiment passed after the incident.
package learn
