package detect

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
)

// Trial is what would become of a payload, had it come in. Nothing of it is kept.
type Trial struct {
	Integration string    `json:"integration"`
	Format      string    `json:"format"`
	Problem     string    `json:"problem,omitempty"` // why it would be refused
	Note        string    `json:"note,omitempty"`    // what a person should know of it
	Alerts      []Preview `json:"alerts"`
	Fields      [][]Field `json:"fields,omitempty"` // for each alert: where its parts were found
	Paths       []Field   `json:"paths,omitempty"`  // what an Integration could point at in the first alert
	YAML        string    `json:"yaml,omitempty"`   // the Integration, for the catalog
}

// Preview is what would become of one alert.
type Preview struct {
	Done     string   `json:"done"`              // fired, repeated, resolved, ignored
	Reason   string   `json:"reason,omitempty"`  // why it is that
	Alert    Alert    `json:"alert"`             // as it would be; without an id when it would be a new one
	Identity string   `json:"identity"`          // the same one again is the same alert
	Joins    string   `json:"joins"`             // which incident it belongs to, and why
	Pages    string   `json:"pages"`             // who is told of it
	Missing  []string `json:"missing,omitempty"` // parts that nothing was found for, and what stands in for them
}

// mostTried bounds how many alerts of one payload are looked at.
const mostTried = 50

// Try says what would become of a body of an integration in a format. Mapping replaces the Integration of the catalog when it
// is given. A body that would be refused is no error: the trial says why. A format that is not known is an error with code
// not_found.
func (s *Service) Try(ctx context.Context, format string, in Sent) (Trial, error) {
	f, ok := s.format(format)
	if !ok {
		return Trial{}, errs.New(errs.NotFound, "there is no format %.40q", format)
	}
	out := Trial{Integration: in.Integration, Format: f.Name, Alerts: []Preview{}}
	if f.Mapped {
		if in.Mapping == nil {
			in.Mapping = s.Catalog().Integrations[in.Integration]
		}
		if in.Mapping == nil {
			in.Mapping = &catalog.Integration{}
		}
		mapping := *in.Mapping
		mapping.Name = in.Integration
		var err error
		if out.YAML, err = mapping.Document(); err != nil {
			return out, err
		}
		if !catalog.IsName(in.Integration) {
			out.Note = "the catalog takes no document of this name: to declare an Integration, make a token whose name has lower-case letters, digits, dashes and dots only"
		}
		if why := mapping.Check(); why != "" {
			out.Problem = why
			return out, nil
		}
	}
	r, err := f.Read(in)
	out.Fields, out.Paths, out.Note = r.Fields, r.Paths, cmp.Or(r.Note, out.Note)
	if err != nil {
		out.Problem = errs.Message(err)
		return out, nil
	}
	if n := len(r.Alerts); n > mostTried {
		out.Note = "only the first " + strconv.Itoa(mostTried) + " of " + strconv.Itoa(n) + " alerts are looked at"
		r.Alerts = r.Alerts[:mostTried]
	}
	for i := range r.Alerts {
		r.Alerts[i].Integration = in.Integration
	}
	out.Alerts, err = s.preview(ctx, r.Alerts, in.Now)
	return out, err
}

// preview decides about alerts as receive does, and keeps nothing.
func (s *Service) preview(ctx context.Context, ins []Incoming, now time.Time) (out []Preview, err error) {
	cat, silences := s.Catalog(), s.currentSilences()
	err = s.Store.View(ctx, func(tx Tx) error {
		firing, err := firingOf(ctx, tx, ins)
		if err != nil {
			return err
		}
		var sources []Alert
		if len(cat.Inhibitions) > 0 {
			if sources, err = tx.Inhibiting(ctx); err != nil {
				return err
			}
		}
		e := s.admit(tx, now)
		for i, in := range ins {
			key := Identity(in.Integration, in.Key)
			next, did, why := take(in, firing[key], cat, now)
			p := Preview{Done: did, Reason: why, Alert: next, Identity: key}
			switch did {
			case DidFire:
				if p.Alert.Muted = mutedBy(next, silences, sources, cat, now); inhibits(next, cat) {
					sources = append(sources, next)
				}
				if p.Joins, err = e.would(ctx, &p.Alert, i); err != nil {
					return err
				}
				p.Missing = missingOf(in, p.Alert, cat)
				a := p.Alert
				firing[key] = &a
			case DidNothing:
				p.Alert = shape(in, cat, now)
			case DidRepeat:
				p.Joins = "it is the alert " + cmp.Or(string(next.ID), "before it") + ", which fires already"
			case DidResolve:
				p.Joins = "it ends the alert " + cmp.Or(string(next.ID), "before it")
				delete(firing, key)
			}
			p.Pages = pagesWhom(p, cat)
			out = append(out, p)
		}
		return nil
	})
	return out, err
}

// would says which group an alert would join.
func (e *admission) would(ctx context.Context, a *Alert, i int) (string, error) {
	g, why, err := e.find(ctx, *a)
	if err != nil {
		return "", err
	}
	a.GroupReason = why
	if g == nil {
		if len(a.Muted) > 0 {
			return "an incident of its own once it is not muted: " + why, nil
		}
		g = &Group{ID: GroupID("of alert " + strconv.Itoa(i+1)), OpenedAt: e.now}
		e.touch(g)
		g.take(*a, true)
		return "an incident of its own: " + why, nil
	}
	a.Group = g.ID
	if len(a.Muted) == 0 {
		g.take(*a, false)
	}
	return "the incident of " + string(g.ID) + ": " + why, nil
}

// missingOf names what an alert lacks, and what stands in for it.
func missingOf(in Incoming, a Alert, c *catalog.Catalog) []string {
	var out []string
	said := cmp.Or(in.Labels["severity"], in.Severity)
	_, known := severityWords[strings.ToLower(said)]
	rule := c.AlertRules[a.Rule]
	switch {
	case rule != nil && (rule.Severity != "" || rule.SeverityLabel != ""):
	case said == "":
		out = append(out, "severity: nothing says how bad it is; "+string(a.Severity)+" stands in")
	case !known:
		out = append(out, "severity: "+strconv.Quote(said)+" is not known; "+string(a.Severity)+" stands in; map it with an AlertRule")
	}
	switch {
	case a.Service == "":
		out = append(out, "service: no label names one; it is nobody's service, and the default policy decides who is told")
	case c.Services[a.Service] == nil:
		out = append(out, "service: "+strconv.Quote(a.Service)+" is not declared in the catalog; the default policy decides who is told")
	}
	return out
}

// pagesWhom says who would be told.
func pagesWhom(p Preview, c *catalog.Catalog) string {
	a := p.Alert
	switch {
	case p.Done == DidRepeat:
		return "nobody: people know of it"
	case p.Done == DidResolve, p.Done == DidNothing:
		return "nobody: it is over"
	case len(a.Muted) > 0:
		return "nobody: " + a.Muted[0]
	case a.Ticket():
		return "nobody: " + string(a.Severity) + " waits for a working day"
	}
	pol := c.PolicyFor(a.Service)
	if x := c.Policies[a.Policy]; x != nil {
		pol = x
	}
	if pol == nil {
		return "everybody in the catalog: there is no escalation policy"
	}
	return "as policy " + pol.Name + " says"
}

// Sender is an integration as it is known here: by its token, by the catalog, or by what it sent.
type Sender struct {
	Name     string    `json:"name"`
	Format   string    `json:"format,omitempty"` // in which it sent last
	Path     string    `json:"path,omitempty"`   // where it sends to; TOKEN stands for the token
	Declared bool      `json:"declared"`         // the catalog has an Integration of the name
	Token    *Token    `json:"token,omitempty"`  // none: it cannot send
	Last     *Alert    `json:"last,omitempty"`   // the newest alert that came with it
	LastAt   time.Time `json:"last_at,omitzero"` // when its newest payload that is kept came
	Taken    []Payload `json:"taken"`            // the newest first
	Refused  []Payload `json:"refused"`
}

// Token lets an integration in; the name of the token is that of the integration.
type Token struct {
	Name string    `json:"name"`
	Made time.Time `json:"made"`
	Used time.Time `json:"used,omitzero"`
}

// Senders returns every integration, by name.
func (s *Service) Senders(ctx context.Context) ([]Sender, error) {
	byName := map[string]*Sender{}
	of := func(name string) *Sender {
		if byName[name] == nil {
			byName[name] = &Sender{Name: name, Taken: []Payload{}, Refused: []Payload{}}
		}
		return byName[name]
	}
	for name, i := range s.Catalog().Integrations {
		x := of(name)
		if x.Declared = true; i.Unsigned {
			x.Format = "cloudwatch"
		}
	}
	if s.Tokens != nil {
		ts, err := s.Tokens(ctx)
		if err != nil {
			return nil, err
		}
		for _, t := range ts {
			x := of(t.Name)
			if x.Token == nil || t.Used.After(x.Token.Used) {
				x.Token = &t
			}
		}
	}
	ps, err := s.Payloads(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, p := range ps {
		x := of(p.Integration)
		if x.LastAt.IsZero() {
			x.LastAt, x.Format = p.At, p.Format
		}
		if p.Refused == "" {
			x.Taken = append(x.Taken, p)
		} else {
			x.Refused = append(x.Refused, p)
		}
	}
	var newest []Alert
	if err := s.Store.View(ctx, func(tx Tx) (err error) { newest, err = tx.NewestAlerts(ctx); return err }); err != nil {
		return nil, err
	}
	for _, a := range newest {
		if a.Integration != beats { // which are our own
			of(a.Integration).Last = &a
		}
	}
	out := make([]Sender, 0, len(byName))
	for _, name := range sortedNames(byName) {
		x := *byName[name]
		if x.Format == "" && x.Declared {
			x.Format = "webhook"
		}
		if f, ok := s.format(x.Format); ok {
			x.Path = f.Path
		}
		out = append(out, x)
	}
	return out, nil
}

// Sender returns one integration, or an error with code not_found.
func (s *Service) Sender(ctx context.Context, name string) (Sender, error) {
	all, err := s.Senders(ctx)
	if err != nil {
		return Sender{}, err
	}
	i := slices.IndexFunc(all, func(x Sender) bool { return x.Name == name })
	if i < 0 {
		return Sender{}, errs.New(errs.NotFound, "there is no integration %.100q: no token, no document of the catalog and no alert has that name", name)
	}
	return all[i], nil
}

// FormatOf returns in which format an integration sent last; webhook when it sent nothing yet.
func (s *Service) FormatOf(ctx context.Context, integration string) (string, error) {
	x, err := s.Sender(ctx, integration)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return "", err
	}
	return cmp.Or(x.Format, "webhook"), nil
}
