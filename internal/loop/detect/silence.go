package detect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
)

// SilenceID names a silence. It is a UUID, which is what Alertmanager's clients expect.
type SilenceID string

// Silence mutes the alerts that its matchers select, from StartsAt until EndsAt, always or in the windows of Weekly. It
// is never deleted: who ends it sets EndsAt.
type Silence struct {
	ID          SilenceID         `json:"id"`
	Match       []string          `json:"match"` // matchers in Alertmanager's syntax; all must hold
	StartsAt    time.Time         `json:"starts_at"`
	EndsAt      time.Time         `json:"ends_at"`
	Weekly      *catalog.Hours    `json:"weekly,omitempty"`
	Maintenance bool              `json:"maintenance,omitempty"` // announced work, told apart in reports
	CreatedBy   string            `json:"created_by"`
	Comment     string            `json:"comment"`
	Annotations map[string]string `json:"annotations,omitempty"`
	CreatedAt   time.Time         `json:"created_at"`
	UpdatedAt   time.Time         `json:"updated_at"`
	EndedBy     string            `json:"ended_by,omitempty"`

	matchers labels.Matchers
}

// longest is how long a silence may last: who needs more wants a rule.
const longest = 366 * 24 * time.Hour

// check reads a silence that somebody wrote, and says what would be right.
func (s Silence) check(now time.Time) (Silence, error) {
	bad := func(format string, args ...any) (Silence, error) {
		return s, errs.New(errs.Invalid, format, args...)
	}
	ms, err := catalog.ParseMatchers(s.Match)
	switch {
	case err != nil:
		return bad("%s", err)
	case len(ms) == 0:
		return bad("match is missing: a silence names the alerts it mutes, such as service=\"checkout\"")
	case matchesAnything(ms):
		return bad("every matcher accepts an empty value: such a silence would mute every alert")
	case s.StartsAt.IsZero() || s.EndsAt.IsZero():
		return bad("a silence needs starts_at and ends_at")
	case !s.EndsAt.After(s.StartsAt):
		return bad("ends_at %s is not after starts_at %s", s.EndsAt.UTC().Format(time.RFC3339), s.StartsAt.UTC().Format(time.RFC3339))
	case !s.EndsAt.After(now):
		return bad("ends_at %s is in the past", s.EndsAt.UTC().Format(time.RFC3339))
	case s.EndsAt.Sub(s.StartsAt) > longest:
		return bad("a silence lasts at most 366 days; for what is never wanted change the rule of the alert")
	case strings.TrimSpace(s.CreatedBy) == "":
		return bad("created_by is missing: somebody answers for a silence")
	case strings.TrimSpace(s.Comment) == "":
		return bad("comment is missing: say why nobody is to be told")
	}
	if s.Weekly != nil {
		if err := s.Weekly.Check(); err != nil {
			return bad("%s", err)
		}
	}
	s.matchers = ms
	return s, nil
}

func matchesAnything(ms labels.Matchers) bool {
	return !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return !m.Matches("") })
}

// Active reports whether the silence mutes at now.
func (s Silence) Active(now time.Time) bool {
	if now.Before(s.StartsAt) || !now.Before(s.EndsAt) {
		return false
	}
	return s.Weekly == nil || s.Weekly.Contains(now)
}

// NextChange returns when the silence begins or ends to mute next; zero when it never will.
func (s Silence) NextChange(now time.Time) time.Time {
	switch {
	case !now.Before(s.EndsAt):
		return time.Time{}
	case s.Weekly == nil && now.Before(s.StartsAt):
		return s.StartsAt
	case s.Weekly == nil:
		return s.EndsAt
	}
	from := now
	if s.StartsAt.After(from) {
		from = s.StartsAt.Add(-time.Nanosecond)
	}
	if next := s.Weekly.Next(from); !next.IsZero() {
		return minTime(next, s.EndsAt)
	}
	return s.EndsAt
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// State is active, pending or expired, as Alertmanager's clients call it. A recurring silence between its windows is
// pending.
func (s Silence) State(now time.Time) string {
	switch {
	case !now.Before(s.EndsAt):
		return "expired"
	case s.Active(now):
		return "active"
	}
	return "pending"
}

// Mutes reports whether the silence selects an alert, without regard to time. An alert has its id as a label here, so that a
// silence can be of it alone.
func (s Silence) Mutes(a Alert) bool {
	for _, m := range s.matchers {
		v := a.Labels[m.Name]
		if m.Name == alertLabel {
			v = string(a.ID)
		}
		if !m.Matches(v) {
			return false
		}
	}
	return len(s.matchers) > 0
}

func holds(ms labels.Matchers, l map[string]string) bool {
	for _, m := range ms {
		if !m.Matches(l[m.Name]) {
			return false
		}
	}
	return true
}

// String says what is muted, until when, and why.
func (s Silence) String() string {
	what := "silence"
	if s.Maintenance {
		what = "maintenance"
	}
	return fmt.Sprintf("%s %s by %s until %s: %s", what, s.ID, s.CreatedBy, s.EndsAt.UTC().Format("2006-01-02 15:04 UTC"), s.Comment)
}
