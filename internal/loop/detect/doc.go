// Package detect is the second phase: it counts good and total events of every SLO as spans arrive (detect/slo), turns a
// burning budget into one alert, and puts alerts of one cascade into one group along the service graph. It does not
// page anybody and does not look for causes.
//
// An alert:
//
//	        rule fires                 recent window calm
//	(none) ───────────▶ firing ─────────────────────────▶ resolved
//
// A group is open while one of its alerts fires and for Linger afterwards, so that a relapse is not a second incident:
//
//	       first alert          all resolved               Linger over
//	(none) ──────────▶ open ───────────────▶ quiet ─────────────────▶ closed
//	                     ▲────────────────────┘ an alert fires again
//
// A person may say that a group is over while its alerts fire: it is quiet then and settled, and not closed before they
// resolve. Those that still fire some time later are told of again, and the group is open.
package detect
