package learn

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
)

// maxLines bounds a timeline that people read; the incident's own page has every fact.
const maxLines = 60

// entry is one line of a timeline.
type entry struct {
	at, until time.Time
	kind      string
	actor     string
	text      string
	services  []string // of facts that were put together
}

// noise are kinds of facts that repeat what another fact of the timeline says.
var noise = []string{
	respond.KindJoined,   // detect.fired says it
	detect.KindGroupCalm, // respond.resolved says it
	page.KindNotified,    // page.escalated names the people
	page.KindResolved,    // respond.resolved says it
	remediate.KindNoted,  // what a script thinks; its steps are kept

	respond.KindHandoffEdited, respond.KindHandoffAsked, respond.KindHandoffReplied, // the handoff has them
}

// timeline condenses the facts of an incident: what repeats is dropped, alerts in a row are one line, and of the impact
// only the last word is kept.
func timeline(c Case) []string {
	entries := condense(c.Events)
	var out []string
	if t := onset(c.Incident); t.Before(c.Incident.OpenedAt) {
		out = append(out, fmt.Sprintf("%s — first sign of trouble, found afterwards", clock(t)))
	}
	for _, e := range entries {
		out = append(out, line(c, e))
	}
	if len(out) > maxLines {
		dropped := len(out) - maxLines
		head := slices.Clone(out[:maxLines-15])
		tail := out[len(out)-15:]
		out = append(append(head, fmt.Sprintf("… %d more on [the incident's timeline](/incidents/%s)", dropped, c.Incident.ID)), tail...)
	}
	return out
}

func line(c Case, e entry) string {
	who := ""
	if e.actor != event.System {
		who = " **" + plain(e.actor) + "**"
	}
	text := plain(strings.TrimPrefix(unnamed(e.text, c.Incident), e.actor+" "))
	if n := len(e.services); n > 1 {
		verb := "more alerts fired"
		if e.kind == detect.KindResolved {
			verb = "alerts resolved"
		}
		text = fmt.Sprintf("%d %s until %s: %s", n, verb, clock(e.until), codes(e.services))
	}
	return fmt.Sprintf("%s —%s %s", clock(e.at), who, text)
}

func condense(events []event.Event) []entry {
	lastImpact := -1
	for k, e := range events {
		if e.Kind == respond.KindImpact {
			lastImpact = k
		}
	}
	var out []entry
	fired := false
	for k, e := range events {
		switch {
		case slices.Contains(noise, e.Kind), strings.HasPrefix(e.Kind, "learn."), strings.HasPrefix(e.Kind, "prevent."):
			continue
		case e.Kind == respond.KindImpact && k != lastImpact:
			continue
		}
		n := entry{at: e.At, until: e.At, kind: e.Kind, actor: e.Actor, text: e.Text}
		if e.Kind == detect.KindFired && fired || e.Kind == detect.KindResolved {
			n.services = []string{e.Service}
			if k := len(out) - 1; k >= 0 && out[k].kind == e.Kind && len(out[k].services) > 0 {
				out[k].until = e.At
				if !slices.Contains(out[k].services, e.Service) {
					out[k].services = append(out[k].services, e.Service)
				}
				continue
			}
		}
		fired = fired || e.Kind == detect.KindFired
		if k := len(out) - 1; k >= 0 && out[k].kind == n.kind && out[k].actor == n.actor && out[k].text == n.text {
			continue
		}
		out = append(out, n)
	}
	return out
}
