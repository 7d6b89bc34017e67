package ui

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

// option is one choice of a pick.
type option struct {
	name, value string
	pairs       []string
}

// here reports whether a navigation item leads to the page at path or to what is below it.
func here(path, item string) bool {
	under := func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") }
	switch item {
	case "/":
		return path == "/"
	case "/oncall":
		return slices.ContainsFunc([]string{item, "/pages", "/people", "/policies", "/handoffs", "/shadow"}, under)
	case "/alerts":
		return slices.ContainsFunc([]string{item, "/silences", "/integrations", "/heartbeats"}, under)
	case "/runbooks":
		return under(item) || under("/runs")
	}
	return under(item)
}

func canAct(ctx context.Context) bool { return shellOf(ctx).User.CanAct() }

func severityMeaning(s detect.Severity) string {
	switch s {
	case detect.SEV1:
		return "customers cannot use it"
	case detect.SEV2:
		return "degraded for customers"
	case detect.SEV3:
		return "internal or minor"
	}
	return "can wait for the next working day"
}

// isMachine reports whether an actor is the program or a runbook rather than a person.
func isMachine(name string) bool { return name == event.System || strings.Contains(name, ":") }

func personName(name string) string {
	if kind, rest, ok := strings.Cut(name, ":"); ok && (kind == "runbook" || kind == "experiment" || kind == "token") {
		return kind + " " + rest
	}
	return name
}

func initials(name string) string {
	var out []rune
	start := true
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			start = true
			continue
		}
		if start && len(out) < 2 {
			out = append(out, unicode.ToUpper(r))
		}
		start = false
	}
	return string(out)
}

func clamp(v float64) float64 { return min(max(v, 0), 1) }

func sparkPoints(values []float64, w, h float64) string {
	top := 0.0
	for _, v := range values {
		top = max(top, v)
	}
	if top == 0 {
		top = 1
	}
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s,%s", f2(float64(i)*w/float64(len(values)-1)), f2(h-1-(h-2)*v/top))
	}
	return b.String()
}

// statusLook returns tone and sign of an incident's status.
func statusLook(s respond.Status) (tone, sign string) {
	switch s {
	case respond.Resolved:
		return "calm", "ok"
	case respond.Queued:
		return "plain", "wait"
	case respond.Mitigating:
		return "lamp", "run"
	case respond.Identified:
		return "lamp", "cause"
	}
	return "lamp", "wait"
}

// runLook returns tone and sign of a run's state.
func runLook(s remediate.State) (tone, sign string) {
	switch s {
	case remediate.Running:
		return "lamp", "run"
	case remediate.Waiting:
		return "lamp", "held"
	case remediate.Succeeded:
		return "calm", "ok"
	case remediate.Failed, remediate.Escalated:
		return "plain", "fail"
	case remediate.Unknown:
		return "lamp", "ask"
	}
	return "plain", "skip"
}

// decisionLook returns tone and sign of an approval.
func decisionLook(d remediate.Decision) (tone, sign string) {
	switch d {
	case remediate.Granted:
		return "plain", "ok"
	case remediate.Denied:
		return "plain", "fail"
	case remediate.Expired:
		return "plain", "wait"
	}
	return "lamp", "ask"
}

// pageLook returns tone and sign of a page's state.
func pageLook(s page.State) (tone, sign string) {
	switch s {
	case page.Held:
		return "lamp", "held"
	case page.Open:
		return "burn", "page"
	case page.Acked:
		return "plain", "ok"
	}
	return "plain", "ok"
}

func deliveryLook(d page.Delivery) (tone, sign string) {
	switch d {
	case page.Sent, page.Delivered:
		return "plain", "ok"
	case page.Failed:
		return "lamp", "warn"
	case page.Shadow:
		return "plain", "moon"
	case page.Unneeded:
		return "plain", "off"
	}
	return "plain", "wait"
}

// factSign returns the sign of a fact on a timeline.
func factSign(kind string) string {
	switch kind {
	case detect.KindFired:
		return "burn"
	case detect.KindResolved, detect.KindGroupCalm, respond.KindResolved, page.KindResolved:
		return "ok"
	case respond.KindNamed:
		return "cause"
	case respond.KindNoted, remediate.KindNoted, detect.KindNoted, detect.KindHeartbeatSet, detect.KindHeartbeatDropped:
		return "note"
	case respond.KindCommander, respond.KindRole, respond.KindHandoffAccepted:
		return "flag"
	case detect.KindCalled, respond.KindCalled, respond.KindHandoffDue, respond.KindHandoffAnswered:
		return "page"
	case respond.KindHandoffOverdue:
		return "warn"
	case respond.KindHandoffAsked:
		return "ask"
	case respond.KindHandoffEdited, respond.KindHandoffReplied:
		return "note"
	case page.KindAcked, page.KindFound, page.KindTicketDone:
		return "ok"
	case page.KindHeld, respond.KindHandoffAnnounced:
		return "held"
	case page.KindTicketOpened, page.KindTicketTaken, page.KindTicketCalm:
		return "wait"
	case detect.KindSilenced, detect.KindUnsilenced, detect.KindMuted, page.KindShadowed, page.KindCompared:
		return "moon"
	case observe.KindDeployed:
		return "deploy"
	case page.KindFailed, page.KindExhausted, page.KindLost:
		return "warn"
	case remediate.KindAsked:
		return "ask"
	case remediate.KindStarted, remediate.KindActed:
		return "run"
	}
	switch phase, _, _ := strings.Cut(kind, "."); phase {
	case "page":
		return "page"
	case "detect":
		return "burn"
	case "prevent":
		return "freeze"
	case "remediate":
		return "run"
	}
	return "note"
}

// kindWords says a kind of cause in words.
func kindWords(kind string) string {
	switch kind {
	case diagnose.Errors:
		return "fails by itself"
	case diagnose.Slow:
		return "became slow"
	case diagnose.Crash:
		return "is down"
	case diagnose.Hang:
		return "does not answer"
	case diagnose.Unknown, "":
		return "not known"
	}
	return words(kind)
}

// maskAddress hides most of an address: enough to recognise it, too little to use it.
func maskAddress(channel, address string) string {
	if address == "" {
		return ""
	}
	if user, host, ok := strings.Cut(address, "@"); ok {
		return firstRune(user) + "…@" + host
	}
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host + "/…"
	}
	r := []rune(address)
	if len(r) > 6 {
		return string(r[:2]) + "…" + string(r[len(r)-2:])
	}
	return "…"
}

func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

// local returns a path of these pages from a link, so that evidence cannot lead elsewhere.
func local(linkTo string) string { return safeNext(linkTo) }

// span of an incident: until now while it is open.
func lasted(i respond.Incident, now time.Time) time.Duration {
	if i.Open() {
		return now.Sub(i.OpenedAt)
	}
	return i.ResolvedAt.Sub(i.OpenedAt)
}

func isSystem(actor string) bool { return actor == event.System }

func phaseOf(kind string) string {
	phase, _, _ := strings.Cut(kind, ".")
	return phase
}

// deliveryWords says by which channel somebody was told, and how that went.
func deliveryWords(n page.Notification) string {
	out := "by " + n.Channel + ", " + string(n.Delivery)
	if n.Error != "" {
		out += ": " + n.Error
	}
	return out
}

// deployWords says who deployed what.
func deployWords(d observe.Deploy) string {
	out := "deployed"
	if d.Author != "" {
		out += " by " + d.Author
	}
	if d.Message != "" {
		out += ": " + cut(d.Message, 80)
	}
	return out
}

// contactWords lists how a person is reached; addresses are masked.
func contactWords(p *catalog.Person) string {
	out := "inbox"
	for _, c := range p.Contacts {
		if c.Channel != "inbox" {
			out += ", " + c.Channel + " " + maskAddress(c.Channel, c.Address)
		}
	}
	return out
}
