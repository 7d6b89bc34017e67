package app

import (
	"nightkeeper/internal/edge/inject"
	"nightkeeper/internal/edge/sandbox"
	"nightkeeper/internal/edge/telemetry"
)

// Commands of the children that this program starts of itself. They may die without it.
const (
	engineCommand  = "telemetry-engine"
	sandboxCommand = "sandbox"
	holderCommand  = "fault-holder"
)

// Child runs a child of this program when args name one, and returns its exit code. Children parse nothing but their own
// flags, so main asks this before anything else.
func Child(args []string) (code int, ok bool) {
	if len(args) == 0 {
		return 0, false
	}
	switch args[0] {
	case engineCommand:
		return telemetry.Main(args[1:]), true
	case sandboxCommand:
		return sandbox.Main(), true
	case holderCommand:
		return inject.Main(), true
	}
	return 0, false
}

// self returns the command that starts a child.
func (o Options) self(child string) []string { return append(append([]string{}, o.Self...), child) }
