// Package app puts the parts together and runs them: it opens the store and the telemetry engine, gives every phase what
// it needs, and starts the loops that follow facts, fire timers and work on tasks. It holds no rule: if a line here
// decides something about an alert, a page or an incident, it is in the wrong place.
package app
