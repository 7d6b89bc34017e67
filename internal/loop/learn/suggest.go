package learn

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

// How a recreated incident is dosed: half of the calls for a minute is enough to see what the fix does, and little enough
// to be ended before many customers notice.
const (
	recreateShare    = 0.5
	recreateDuration = time.Minute
	recreateLatency  = 500 * time.Millisecond // of a service that became slow
	recreateHang     = 2 * time.Second        // of a service that does not answer: longer than callers wait
	recreateAbort    = 0.01
	maxWatch         = 5
)

// Suggest returns the experiment that recreates an incident's fault at its cause, so that passing it proves the fix. ok is
// false when the cause cannot be recreated by slow or failed calls, or when nothing but the cause itself could be
// watched.
func Suggest(c *catalog.Catalog, i respond.Incident) (e *catalog.Experiment, ok bool) {
	if i.Cause == nil || i.Cause.Service == "" {
		return nil, false
	}
	target := i.Cause.Service
	f, does, ok := recreate(i.Cause.Kind)
	if !ok {
		return nil, false
	}
	watch := watched(c, i, target)
	if len(watch) == 0 {
		return nil, false
	}
	return &catalog.Experiment{
		Meta:       catalog.Meta{Name: "recreate-" + strings.ToLower(string(i.ID)), DisplayName: "Recreate " + string(i.ID) + ": " + i.Title},
		Hypothesis: fmt.Sprintf("With the fix in place, %s stay within objective while %s %s on %.0f %% of its calls.", strings.Join(watch, ", "), target, does, 100*f.Share),
		Target:     target, Fault: f, Duration: catalog.Duration(recreateDuration), Watch: watch, AbortAbove: recreateAbort,
	}, true
}

// recreate returns the fault that has the effect of a cause, and what it does in words.
func recreate(kind string) (f catalog.Fault, does string, ok bool) {
	slower := func(d time.Duration) (catalog.Fault, string, bool) {
		return catalog.Fault{Kind: "latency", Latency: catalog.Duration(d), Share: recreateShare}, fmt.Sprintf("answers %s slower", d), true
	}
	switch kind {
	case diagnose.RetryStorm, diagnose.Slow:
		return slower(recreateLatency)
	case diagnose.Hang:
		return slower(recreateHang)
	case diagnose.Errors, diagnose.Crash:
		return catalog.Fault{Kind: "errors", Share: recreateShare}, "fails", true
	}
	return f, "", false
}

func recreatable(kind string) bool {
	_, _, ok := recreate(kind)
	return ok
}

// watched returns the objectives of the services that burned, critical ones if there are any, without the target: it
// must suffer, the others must not.
func watched(c *catalog.Catalog, i respond.Incident, target string) []string {
	var critical, all []string
	for _, service := range i.Burning {
		if service == target {
			continue
		}
		for _, o := range c.SLOsOf(service) {
			all = append(all, o.Name)
			if c.TierOf(service) == catalog.Critical {
				critical = append(critical, o.Name)
			}
		}
	}
	if len(critical) > 0 {
		all = critical
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), maxWatch)]
}
