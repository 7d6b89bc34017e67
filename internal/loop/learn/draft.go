package learn

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

// Case is everything a postmortem is drafted from.
type Case struct {
	Incident respond.Incident
	Events   []event.Event      // its facts, the oldest first
	Runs     []remediate.Run    // for it
	History  []respond.Incident // other incidents, the newest first
	Catalog  *catalog.Catalog
}

// Drafted is what was made of a case.
type Drafted struct {
	Title      string
	Markdown   string
	Items      []ActionItem // without names
	Experiment *catalog.Experiment
}

// slowDetection is when the time from the first sign to the alert counts as long, quickNaming as short for the time to
// a named cause, and quickAck for an answer to a page.
const (
	slowDetection = time.Minute
	quickNaming   = 3 * time.Minute
	quickAck      = 5 * time.Minute
)

// Write drafts the postmortem of a case. It says what was recorded and nothing else.
func Write(c Case) Drafted {
	i := c.Incident
	d := Drafted{Title: string(i.ID) + ": " + i.Title}
	if e, ok := Suggest(c.catalog(), i); ok {
		d.Experiment = e
	}
	d.Items = items(c, d.Experiment)
	ps := pagesOf(c.Events)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", plain(d.Title))
	section(&b, "Summary", []string{summary(c, ps)}, "")
	section(&b, "Impact", impact(c), "- ")
	section(&b, "Timeline", timeline(c), "- ")
	section(&b, "Cause", cause(i), "")
	section(&b, "Contributing factors", factors(c, ps), "- ")
	section(&b, "What went well", well(c, ps), "- ")
	section(&b, "What could be improved", improve(c, ps), "- ")
	section(&b, "Action items", itemLines(d.Items), "- ")
	section(&b, "Proposed experiment", experimentLines(d.Experiment, i), "")
	section(&b, "Similar incidents", similar(c), "- ")
	d.Markdown = b.String()
	return d
}

func section(b *strings.Builder, title string, lines []string, bullet string) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if len(lines) == 0 {
		b.WriteString("Nothing recorded.\n")
	}
	for _, l := range lines {
		b.WriteString(bullet + l + "\n")
	}
}

func (c Case) catalog() *catalog.Catalog {
	if c.Catalog == nil {
		return &catalog.Catalog{}
	}
	return c.Catalog
}

// runbook returns the runbook for the cause, or nil.
func (c Case) runbook() *catalog.Runbook {
	return c.catalog().RunbookFor(causeKind(c.Incident), causeService(c.Incident))
}

// fixedBy returns the run that ended well, or nil.
func (c Case) fixedBy() *remediate.Run {
	for k := range c.Runs {
		if r := &c.Runs[k]; r.State == remediate.Succeeded && !r.DryRun {
			return r
		}
	}
	return nil
}

func causeKind(i respond.Incident) string {
	if i.Cause == nil || i.Cause.Kind == "" {
		return diagnose.Unknown
	}
	return i.Cause.Kind
}

func causeService(i respond.Incident) string {
	if i.Cause == nil || i.Cause.Service == "" {
		return i.Service
	}
	return i.Cause.Service
}

// pages is what the facts tell about the pages of an incident.
type pages struct {
	opened    time.Time // people were told
	acked     time.Time
	escalated int // steps taken
	exhausted bool
	failed    int // notifications that did not arrive
	held      bool
}

func pagesOf(events []event.Event) pages {
	var ps pages
	for _, e := range events {
		switch e.Kind {
		case page.KindHeld:
			ps.held = true
		case page.KindOpened:
			if ps.opened.IsZero() {
				ps.opened = e.At
			}
		case page.KindAcked:
			if ps.acked.IsZero() {
				ps.acked = e.At
			}
		case page.KindEscalated:
			ps.escalated++
		case page.KindExhausted:
			ps.exhausted = true
		case page.KindFailed:
			ps.failed++
		}
	}
	return ps
}

func summary(c Case, ps pages) string {
	i := c.Incident
	out := fmt.Sprintf("%s %s lasted %s, from %s to %s UTC.", i.Severity, i.ID, span(i.ResolvedAt.Sub(onset(i))), stamp(onset(i)), stamp(i.ResolvedAt))
	if causeKind(i) == diagnose.Unknown {
		out += " No cause was found."
	} else {
		out += fmt.Sprintf(" The suspected cause is %s at `%s`.", spoken(causeKind(i)), causeService(i))
	}
	if r := c.fixedBy(); r != nil {
		out += fmt.Sprintf(" Runbook `%s` resolved it", r.Runbook)
		if ps.opened.IsZero() {
			out += " and nobody was woken"
		}
		out += "."
	} else {
		out += " It ended without a runbook: " + plain(i.Reason) + "."
	}
	return out
}

func impact(c Case) []string {
	i := c.Incident
	out := []string{
		fmt.Sprintf("Duration: %s from the first sign, %s from the alert", span(i.ResolvedAt.Sub(onset(i))), span(i.ResolvedAt.Sub(i.OpenedAt))),
		fmt.Sprintf("Lost customer requests: %s", thousands(i.Impact.LostRequests)),
	}
	if i.Impact.Revenue > 0 && i.Impact.Currency != "" {
		out = append(out, fmt.Sprintf("Revenue: about %s %s, from the revenue per request in the catalog", thousands(int64(i.Impact.Revenue+0.5)), i.Impact.Currency))
	}
	out = append(out, fmt.Sprintf("Services that burned their budget (%d): %s", len(i.Burning), codes(i.Burning)))
	var rest []string
	for _, s := range i.Affected {
		if !slices.Contains(i.Burning, s) {
			rest = append(rest, s)
		}
	}
	if len(rest) > 0 {
		out = append(out, fmt.Sprintf("Also affected (%d): %s", len(rest), codes(rest)))
	}
	return out
}

func cause(i respond.Incident) []string {
	if causeKind(i) == diagnose.Unknown {
		out := []string{"No cause was named: nothing stood out against the time before."}
		for _, s := range i.Diagnosis.Suspects {
			out = append(out, fmt.Sprintf("- `%s` was weighed as %s (%.2f)", s.Service, spoken(s.Kind), s.Score))
		}
		return spaced(out)
	}
	out := []string{fmt.Sprintf("Suspected: **%s at `%s`**, with %s confidence, named %s after the alert.",
		spoken(causeKind(i)), causeService(i), cmp.Or(string(i.Confidence), "unstated"), span(i.NamedAt.Sub(i.OpenedAt)))}
	if i.Cause.Version != "" {
		out[0] += fmt.Sprintf(" Version %s was running; version %s before it.", plain(i.Cause.Version), cmp.Or(plain(i.Cause.Previous), "(not known)"))
	}
	for _, ev := range i.Cause.Evidence {
		line := "- " + sentence(plain(unnamed(ev.Text, i)))
		if ev.Link != "" {
			line += fmt.Sprintf(" ([evidence](%s))", ev.Link)
		}
		out = append(out, line)
	}
	return spaced(out)
}

// spaced puts an empty line between a paragraph and the list after it.
func spaced(lines []string) []string {
	if len(lines) < 2 {
		return lines
	}
	return slices.Insert(lines, 1, "")
}

// unnamed takes the author of a version out of a sentence: a postmortem names systems, not people.
func unnamed(text string, i respond.Incident) string {
	if i.Cause != nil && i.Cause.Author != "" {
		text = strings.ReplaceAll(text, " by "+i.Cause.Author, "")
	}
	return text
}

func factors(c Case, ps pages) []string {
	i := c.Incident
	var out []string
	kind, service := causeKind(i), causeService(i)
	if i.Cause != nil && i.Cause.Version != "" {
		out = append(out, fmt.Sprintf("Version %s of `%s` had gone out shortly before.", plain(i.Cause.Version), service))
	}
	if kind == diagnose.RetryStorm {
		out = append(out, fmt.Sprintf("Callers repeated failed calls, which multiplied the load on `%s` when it could bear least.", service))
	}
	for _, s := range i.Diagnosis.Suspects {
		switch {
		case s.Service == service:
		case s.Kind == diagnose.PoolExhaustion:
			out = append(out, fmt.Sprintf("`%s` ran out of connections in its own pool, a limit that the first trouble reached.", s.Service))
		case s.Kind == diagnose.RetryStorm:
			out = append(out, fmt.Sprintf("Callers repeated failed calls to `%s` as well.", s.Service))
		}
	}
	if spread := len(i.Affected) - 1; spread > 0 {
		out = append(out, fmt.Sprintf("The trouble reached %d more %s: nothing between them and `%s` contained it.", spread, plural(spread, "service", "services"), service))
	}
	if late := i.OpenedAt.Sub(onset(i)); late > slowDetection {
		out = append(out, fmt.Sprintf("The alert fired %s after the first sign.", span(late)))
	}
	switch r := c.runbook(); {
	case r == nil && !diagnose.Suspicious(kind):
		out = append(out, fmt.Sprintf("There was no runbook for %s at `%s`.", spoken(kind), service))
	case diagnose.Suspicious(kind):
		out = append(out, fmt.Sprintf("Automation left it to people, as it always does with %s.", spoken(kind)))
	}
	for _, r := range c.Runs {
		if r.State == remediate.Escalated || r.State == remediate.Failed || r.State == remediate.Unknown {
			out = append(out, fmt.Sprintf("Runbook `%s` did not fix it: %s.", r.Runbook, plain(r.Reason)))
		}
	}
	if ps.escalated > 1 {
		out = append(out, fmt.Sprintf("The page was not acknowledged at its first step and escalated %d %s further.", ps.escalated-1, plural(ps.escalated-1, "step", "steps")))
	}
	if ps.failed > 0 {
		out = append(out, fmt.Sprintf("%d %s could not be delivered.", ps.failed, plural(ps.failed, "notification", "notifications")))
	}
	if i.Reopened > 0 {
		out = append(out, fmt.Sprintf("It came back %d %s after all alerts had been calm.", i.Reopened, plural(i.Reopened, "time", "times")))
	}
	return out
}

func well(c Case, ps pages) []string {
	i := c.Incident
	var out []string
	if d := i.OpenedAt.Sub(onset(i)); d <= slowDetection {
		out = append(out, fmt.Sprintf("It was detected %s after the first sign.", span(d)))
	}
	if n := len(i.Alerts); n > 1 {
		out = append(out, fmt.Sprintf("%d alerts were one incident.", n))
	}
	if d := i.NamedAt.Sub(i.OpenedAt); causeKind(i) != diagnose.Unknown && !i.NamedAt.IsZero() && d <= quickNaming {
		out = append(out, fmt.Sprintf("A cause was named with its evidence %s after the alert.", span(d)))
	}
	if r := c.fixedBy(); r != nil {
		line := fmt.Sprintf("Runbook `%s` resolved it", r.Runbook)
		if ps.opened.IsZero() {
			line += " without waking anybody"
		}
		out = append(out, line+".")
	}
	if d := ps.acked.Sub(ps.opened); !ps.acked.IsZero() && !ps.opened.IsZero() && d <= quickAck {
		out = append(out, fmt.Sprintf("The page was acknowledged in %s.", span(d)))
	}
	if i.Impact.LostRequests == 0 {
		out = append(out, "No customer request was lost.")
	}
	return out
}

func improve(c Case, ps pages) []string {
	i := c.Incident
	var out []string
	if d := i.OpenedAt.Sub(onset(i)); d > slowDetection {
		out = append(out, fmt.Sprintf("Detection took %s.", span(d)))
	}
	switch {
	case causeKind(i) == diagnose.Unknown:
		out = append(out, "The cause was not found from telemetry.")
	case i.Confidence == diagnose.Low:
		out = append(out, "The named cause is hardly more than a guess.")
	case i.NamedAt.Sub(i.OpenedAt) > quickNaming:
		out = append(out, fmt.Sprintf("Naming a cause took %s.", span(i.NamedAt.Sub(i.OpenedAt))))
	}
	if c.fixedBy() == nil {
		out = append(out, "Recovery needed people.")
	} else if !ps.opened.IsZero() {
		out = append(out, "People were told although a runbook fixed it.")
	}
	if d := ps.acked.Sub(ps.opened); !ps.opened.IsZero() && !ps.acked.IsZero() && d > quickAck {
		out = append(out, fmt.Sprintf("The page waited %s for an answer.", span(d)))
	}
	if !ps.opened.IsZero() && ps.acked.IsZero() {
		out = append(out, "The page was never acknowledged.")
	}
	if ps.exhausted {
		out = append(out, "The escalation policy was exhausted without an answer.")
	}
	if n := len(similarTo(c)); n > 0 {
		out = append(out, fmt.Sprintf("It is not the first of its kind: %d like it in the history.", n))
	}
	return out
}

func itemLines(as []ActionItem) []string {
	var out []string
	for _, a := range as {
		line := fmt.Sprintf("**%s** %s — owner %s, due %s", a.Priority, plain(a.Text), cmp.Or(a.Owner, "(nobody yet)"), a.DueAt.UTC().Format(time.DateOnly))
		if a.Experiment != "" {
			line += fmt.Sprintf("; done when experiment `%s` has passed", a.Experiment)
		}
		out = append(out, line)
	}
	return out
}

func experimentLines(e *catalog.Experiment, i respond.Incident) []string {
	switch {
	case e != nil:
		return []string{fmt.Sprintf("`%s`: %s.", e.Name, plain(e.Hypothesis))}
	case recreatable(causeKind(i)):
		return []string{fmt.Sprintf("None: no other service than `%s` burned its budget, so nothing could be watched.", causeService(i))}
	}
	return []string{fmt.Sprintf("None: %s cannot be recreated by slow or failed calls to a service.", spoken(causeKind(i)))}
}

func similar(c Case) []string {
	var out []string
	for _, i := range similarTo(c) {
		out = append(out, fmt.Sprintf("[%s](/incidents/%s) on %s, %s: %s", i.ID, i.ID, stamp(i.OpenedAt), i.Severity, plain(i.Title)))
		if len(out) == maxSimilar {
			break
		}
	}
	return out
}

const maxSimilar = 5

// similarTo returns earlier incidents with the same kind of cause at the same service, then those of the same kind or at
// the same service.
func similarTo(c Case) []respond.Incident {
	var same, near []respond.Incident
	kind, service := causeKind(c.Incident), causeService(c.Incident)
	for _, o := range c.History {
		if o.ID == c.Incident.ID || !o.OpenedAt.Before(c.Incident.OpenedAt) {
			continue
		}
		sameKind, sameService := kind != diagnose.Unknown && causeKind(o) == kind, causeService(o) == service
		switch {
		case sameKind && sameService:
			same = append(same, o)
		case sameKind, sameService:
			near = append(near, o)
		}
	}
	return append(same, near...)
}

func onset(i respond.Incident) time.Time {
	if i.OnsetAt.IsZero() || i.OnsetAt.After(i.OpenedAt) {
		return i.OpenedAt
	}
	return i.OnsetAt
}
