package learn

import (
	"slices"
	"time"

	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/respond"
)

// ID names a postmortem: pm-INC-42 is that of INC-42.
type ID string

// IDOf returns the name of an incident's postmortem.
func IDOf(i respond.ID) ID { return ID("pm-" + string(i)) }

// State of a postmortem; see the package comment.
type State string

// States of a postmortem.
const (
	Draft     State = "draft"
	Published State = "published"
)

// dueAfter is how long people have to finish a postmortem.
const dueAfter = 48 * time.Hour

// Postmortem is the review of an incident.
type Postmortem struct {
	ID          ID              `json:"id"`
	Incident    respond.ID      `json:"incident"`
	Group       detect.GroupID  `json:"group"`
	Service     string          `json:"service"` // the cause, or whose alert came first
	Title       string          `json:"title"`
	Severity    detect.Severity `json:"severity"`
	Required    bool            `json:"required"`
	State       State           `json:"state"`
	DraftedAt   time.Time       `json:"drafted_at"`
	ResolvedAt  time.Time       `json:"resolved_at"` // end of the incident that it was drafted for
	DueAt       time.Time       `json:"due_at"`
	EditedAt    time.Time       `json:"edited_at,omitzero"`
	EditedBy    string          `json:"edited_by,omitempty"`
	PublishedAt time.Time       `json:"published_at,omitzero"`
	PublishedBy string          `json:"published_by,omitempty"`
	OutdatedAt  time.Time       `json:"outdated_at,omitzero"` // the incident came back after it was published
	Markdown    string          `json:"markdown"`             // what people read
	Drafted     string          `json:"drafted"`              // what was drafted last, also when people have edited
	Findings    []Finding       `json:"findings,omitempty"`   // phrases that blame
	Items       []ActionItem    `json:"items,omitempty"`
}

// Edited reports whether a person has written in it.
func (p Postmortem) Edited() bool { return !p.EditedAt.IsZero() }

// Newer reports whether something was drafted after people edited or published, which differs from what they read.
func (p Postmortem) Newer() bool {
	return p.Drafted != p.Markdown && p.DraftedAt.After(p.EditedAt) && p.DraftedAt.After(p.PublishedAt)
}

// Overdue reports whether a required postmortem is not published in time.
func (p Postmortem) Overdue(now time.Time) bool {
	return p.Required && p.State != Published && now.After(p.DueAt)
}

// slim returns the postmortem without its text, for facts.
func (p Postmortem) slim() Postmortem {
	p.Markdown, p.Drafted, p.Findings, p.Items = "", "", nil, nil
	return p
}

// wanted reports whether an incident of the severity gets a postmortem, and whether it must be finished.
func wanted(s detect.Severity) (drafted, required bool) {
	required = s == detect.SEV1 || s == detect.SEV2
	return required || s == detect.SEV3, required
}

// redraft returns the postmortem for what a case says, from the one there is; nil when there is none yet. The text that a
// person edited or published stays, and what was drafted is kept beside it.
func redraft(cur *Postmortem, c Case, d Drafted, now time.Time) Postmortem {
	i := c.Incident
	p := Postmortem{ID: IDOf(i.ID), Incident: i.ID, State: Draft}
	if cur != nil {
		p = *cur
	}
	_, p.Required = wanted(i.Severity)
	p.Group, p.Service, p.Severity, p.ResolvedAt = i.Group, causeService(i), i.Severity, i.ResolvedAt
	if p.Drafted != d.Markdown {
		p.Drafted, p.DraftedAt = d.Markdown, now
	}
	if p.State == Published {
		return p
	}
	p.Title, p.DueAt = d.Title, i.ResolvedAt.Add(dueAfter)
	if !p.Edited() {
		p.Markdown = d.Markdown
		p.Findings = Blame(d.Markdown, people(c)...)
	}
	return p
}

// people returns the names that a text may blame.
func people(c Case) []string {
	if c.Catalog == nil {
		return nil
	}
	var out []string
	for name, p := range c.Catalog.People {
		out = append(out, name)
		if p.DisplayName != "" {
			out = append(out, p.DisplayName)
		}
	}
	slices.Sort(out)
	return out
}
