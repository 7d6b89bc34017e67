package respond

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
)

// Document is what the incoming commander reads: how the incident stands, as the timeline has it, and what the outgoing
// commander adds.
type Document struct {
	At       time.Time `json:"at"` // when the timeline was read
	Severity string    `json:"severity"`
	Status   string    `json:"status"`
	Broken   string    `json:"broken"`
	Since    time.Time `json:"since"`
	Impact   string    `json:"impact"`
	Cause    string    `json:"cause"`
	Tried    []Line    `json:"tried"`  // what runbooks and people did, and what came of it
	Open     []string  `json:"open"`   // what waits for somebody
	Roles    []string  `json:"roles"`  // who does what
	Newest   []Line    `json:"newest"` // facts, the newest last

	Questions string    `json:"questions"` // open ones, in the words of the outgoing commander
	Next      string    `json:"next"`      // steps, in the same words
	EditedBy  string    `json:"edited_by,omitempty"`
	EditedAt  time.Time `json:"edited_at,omitzero"`
}

// Line is one thing that happened.
type Line struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// How much of the timeline a document repeats.
const (
	maxTried  = 12
	maxNewest = 8
)

// read returns the document with the incident as it stands; what people wrote stays.
func (d Document) read(i Incident, facts []event.Event, now time.Time) Document {
	d.At, d.Severity, d.Status = now, string(i.Severity), fmt.Sprintf("%s: %s", i.Status, i.Reason)
	d.Since, d.Impact = i.OnsetAt, strings.TrimSpace(i.toll())
	d.Broken = i.Title
	if len(i.Burning) > 0 {
		d.Broken = fmt.Sprintf("%s: %s", i.Title, list(i.Burning))
	}
	if len(i.Regions) > 0 {
		d.Broken += " (" + list(i.Regions) + ")"
	}
	switch {
	case i.Named():
		d.Cause = fmt.Sprintf("%s (%s confidence)", i.Diagnosis.Summary, i.Confidence)
	case i.Cause != nil:
		d.Cause = "unknown: nothing stands out"
	default:
		d.Cause = "not named yet"
	}
	d.Roles = []string{catalog.RoleCommander + ": " + i.Commander}
	for _, r := range i.Roles {
		who := r.Person
		if who == "" {
			who = "calling " + list(r.Calling)
		}
		d.Roles = append(d.Roles, r.Name+": "+who)
	}
	d.Tried, d.Newest, d.Open = []Line{}, []Line{}, []string{}
	asked := map[string]string{}
	for _, e := range facts {
		line := Line{e.At, e.Text}
		switch kind, _ := strings.CutPrefix(e.Kind, "remediate."); {
		case kind == "asked":
			asked[e.Subject] = e.Text
		case kind == "decided" || kind == "finished":
			delete(asked, e.Subject)
			d.Tried = append(d.Tried, line)
		case kind == "started" || kind == "acted" || kind == "settled" || e.Kind == KindNoted:
			d.Tried = append(d.Tried, line)
		}
		if strings.HasPrefix(e.Kind, "detect.") || strings.HasPrefix(e.Kind, "respond.") || strings.HasPrefix(e.Kind, "remediate.") {
			d.Newest = append(d.Newest, line)
		}
	}
	for _, text := range asked {
		d.Open = append(d.Open, text)
	}
	slices.Sort(d.Open)
	d.Tried, d.Newest = last(d.Tried, maxTried), last(d.Newest, maxNewest)
	return d
}

func last(lines []Line, n int) []Line { return lines[max(len(lines)-n, 0):] }

// document reads the timeline into the document of a handoff.
func (s *Service) document(ctx context.Context, tx Tx, i Incident, d Document, now time.Time) (Document, error) {
	facts, err := tx.Events(ctx, event.Query{Group: string(i.Group), Last: true, Limit: 500})
	if err != nil {
		return d, fmt.Errorf("read the timeline of %s: %w", i.ID, err)
	}
	return d.read(i, facts, now), nil
}
