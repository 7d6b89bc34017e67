package detect

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/id"
)

// Declared is trouble as a person reports it.
type Declared struct {
	Title    string
	Service  string // empty when nobody knows yet
	Severity Severity
	Detail   string    // empty: the title says it
	Customer bool      // a customer told us: monitoring did not
	Since    time.Time // zero: now
}

// SourcePerson is the source of an alert that a person declared. It is over when somebody resolves the incident.
const SourcePerson = "person"

// Labels of an alert that a person declared.
const (
	labelBy       = "declared_by"
	labelReporter = "reported_by"
	customer      = "customer"
)

// Severities are all severities, the worst first.
var Severities = []Severity{SEV1, SEV2, SEV3, SEV4}

// Finder says who found what an alert is about: nobody for monitoring, "customer", or the person who declared it.
func (a Alert) Finder() string {
	if a.Source != SourcePerson {
		return ""
	}
	return cmp.Or(a.Labels[labelReporter], a.Labels[labelBy])
}

// Declare takes trouble in that a person reports, as an alert like those of monitoring: it joins the open incident of its
// service, or opens one, and people are told.
func (s *Service) Declare(ctx context.Context, d Declared, by string, now time.Time) (Alert, error) {
	d.Title = strings.TrimSpace(d.Title)
	switch {
	case d.Title == "":
		return Alert{}, errs.New(errs.Invalid, "title is missing: say in a few words what is wrong")
	case !slices.Contains(Severities, d.Severity):
		return Alert{}, errs.New(errs.Invalid, "severity is %q; it must be SEV1, SEV2, SEV3 or SEV4", d.Severity)
	case d.Service != "" && s.Catalog().Services[d.Service] == nil:
		return Alert{}, errs.New(errs.Invalid, "there is no service named %q in the catalog; leave it out when nobody knows yet", d.Service)
	case d.Since.After(now):
		return Alert{}, errs.New(errs.Invalid, "since is in the future; say when it began")
	case !d.Since.IsZero() && now.Sub(d.Since) > 7*24*time.Hour:
		return Alert{}, errs.New(errs.Invalid, "since is more than a week ago; say when it began")
	}
	labels := map[string]string{"alertname": d.Title, "severity": string(d.Severity), labelBy: by}
	if d.Service != "" {
		labels["service"] = d.Service
	}
	if d.Customer {
		labels[labelReporter] = customer
	}
	in := Incoming{Source: SourcePerson, Integration: "people", Key: id.New("dec", now), Title: d.Title, Severity: string(d.Severity),
		Labels: labels, Annotations: map[string]string{"description": cmp.Or(strings.TrimSpace(d.Detail), by+" declared it")}, StartsAt: d.Since}
	done, err := s.Receive(ctx, []Incoming{in}, now)
	if err != nil {
		return Alert{}, err
	}
	return s.Alert(ctx, done[0].Alert)
}
