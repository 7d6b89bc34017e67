package page

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// Named is a person or a service as another system names it.
type Named struct {
	ID    string `json:"id,omitempty"`
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

// TheirNotice is one message of another system to a person.
type TheirNotice struct {
	Who Named     `json:"who"`
	At  time.Time `json:"at"`
	By  string    `json:"by,omitempty"` // such as sms
}

// Theirs is an incident of the system that Nightkeeper runs beside.
type Theirs struct {
	ID      string        `json:"id"`
	Title   string        `json:"title,omitempty"`
	URL     string        `json:"url,omitempty"`
	Keys    []string      `json:"keys,omitempty"` // by which its alerts are told apart: dedup_key, alias
	Service Named         `json:"service,omitzero"`
	At      time.Time     `json:"at"`
	Told    []TheirNotice `json:"told,omitempty"`
	Unsaid  bool          `json:"unsaid,omitempty"` // the system does not say whom it told
	TakenBy Named         `json:"taken_by,omitzero"`
	TakenAt time.Time     `json:"taken_at,omitzero"` // acknowledged; zero when nobody did
}

// Beside is what another system did for a while.
type Beside struct {
	Source    string    `json:"source"` // such as pagerduty
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Incidents []Theirs  `json:"incidents"`
}

// Limits of one comparison.
const (
	maxBeside     = 366 * 24 * time.Hour
	maxBesideList = 10_000
	maxRows       = 2_000 // that a report keeps; all are counted
)

// Check says what is wrong with it, with code invalid.
func (b Beside) Check() error {
	switch {
	case b.Source == "":
		return errs.New(errs.Invalid, "say which system it is: source is pagerduty, opsgenie or grafana-oncall")
	case !b.To.After(b.From) || b.To.Sub(b.From) > maxBeside:
		return errs.New(errs.Invalid, "to is after from, and at most 366 days after it")
	case len(b.Incidents) > maxBesideList:
		return errs.New(errs.Invalid, "there are %d incidents; compare at most %d at once, with a shorter time", len(b.Incidents), maxBesideList)
	}
	for i, t := range b.Incidents {
		if t.ID == "" || t.At.IsZero() {
			return errs.New(errs.Invalid, "incident %d has no id or no time", i+1)
		}
	}
	return nil
}

// Ours is a page with what was sent for it and the alerts of its group.
type Ours struct {
	Page          Page
	Notifications []Notification
	Alerts        []detect.Alert
}

// How far apart the two may be.
const (
	sameTime  = 5 * time.Minute // of what began, to be the same without a common key
	sameDelay = time.Minute     // of the first word to a person
)

// Outcome says how the two compare in one incident.
type Outcome string

// Outcomes.
const (
	SamePeople Outcome = "same"        // the same people, the first of them within a minute
	Differs    Outcome = "differs"     // other people, or another time
	OnlyTheirs Outcome = "only theirs" // they told somebody, and here is no page
	OnlyOurs   Outcome = "only ours"   // here is a page, and they have no incident
	Untold     Outcome = "untold"      // they do not say whom they told
)

// ToldAt is when a person was first told.
type ToldAt struct {
	Person string    `json:"person"`
	At     time.Time `json:"at"`
}

// Compared is one of our pages beside the incidents of the other system that it was made of, or one of either alone.
type Compared struct {
	Outcome Outcome   `json:"outcome"`
	Page    ID        `json:"page,omitempty"`
	Title   string    `json:"title"`
	Service string    `json:"service,omitempty"`
	At      time.Time `json:"at"`
	Theirs  []Theirs  `json:"theirs,omitempty"`
	Matched string    `json:"matched,omitempty"` // by what: the key, or service and time
	There   []ToldAt  `json:"there"`             // in order
	Here    []ToldAt  `json:"here"`
	Later   *float64  `json:"later_seconds,omitempty"` // by which the first person here was later; negative is earlier
	Why     []string  `json:"why,omitempty"`           // what differs
}

// ShadowReport compares what Nightkeeper did with what another system did.
type ShadowReport struct {
	Source     string     `json:"source"`
	From       time.Time  `json:"from"`
	To         time.Time  `json:"to"`
	By         string     `json:"by"`
	At         time.Time  `json:"at"`
	Shadow     bool       `json:"shadow"` // whether the server ran as a shadow when it was made
	There      int        `json:"there"`  // incidents of the other system
	Here       int        `json:"here"`   // pages
	Same       int        `json:"same"`
	Differ     int        `json:"differ"`
	Untold     int        `json:"untold"`
	OnlyTheirs int        `json:"only_theirs"`
	OnlyOurs   int        `json:"only_ours"`
	Groups     int        `json:"groups"`  // pages that were several incidents there
	Grouped    int        `json:"grouped"` // how many those were
	Verdict    string     `json:"verdict"`
	Rows       []Compared `json:"rows"`               // what needs a look first, then by time; at most 2,000
	LeftOut    int        `json:"left_out,omitempty"` // rows that are counted and not kept
	Unknown    []string   `json:"unknown"`            // people there whom the catalog does not know
}

// Compare compares what another system did with the pages of the same time, and keeps the report as a fact.
func (s *Service) Compare(ctx context.Context, b Beside, by string, now time.Time) (ShadowReport, error) {
	if err := b.Check(); err != nil {
		return ShadowReport{}, err
	}
	ours, err := s.ours(ctx, b.From, b.To)
	if err != nil {
		return ShadowReport{}, err
	}
	var alerts []detect.Alert
	if s.Alerts != nil {
		if alerts, err = s.Alerts(ctx, ""); err != nil {
			return ShadowReport{}, fmt.Errorf("read alerts: %w", err)
		}
	}
	r := compare(b, ours, alerts, s.Catalog())
	r.By, r.At, r.Shadow = by, now, s.Shadow
	return r, s.Store.Update(ctx, func(tx Tx) error {
		return tx.Append(ctx, event.New(KindCompared, now, by, b.Source, by+" compared Nightkeeper with "+b.Source+": "+r.Verdict, r))
	})
}

// LastReport returns the newest report, or an error with code not_found.
func (s *Service) LastReport(ctx context.Context) (ShadowReport, error) {
	es, err := s.Events(ctx, event.Query{Kinds: []string{KindCompared}, Last: true, Limit: 1})
	if err != nil {
		return ShadowReport{}, err
	}
	if len(es) == 0 {
		return ShadowReport{}, errs.New(errs.NotFound, "nothing was compared yet; nightkeeper import shadow-report does it")
	}
	return event.Decode[ShadowReport](es[0])
}

// ours returns the pages of a time; a few more at both ends, because clocks differ.
func (s *Service) ours(ctx context.Context, from, to time.Time) (out []Ours, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		ps, err := tx.PagesBetween(ctx, from.Add(-sameTime), to.Add(sameTime))
		if err != nil {
			return err
		}
		out = make([]Ours, len(ps))
		for i, p := range ps {
			out[i].Page = p
			if out[i].Notifications, err = tx.Notifications(ctx, p.ID, "", 1000); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range out {
		if err == nil && s.Alerts != nil {
			out[i].Alerts, err = s.Alerts(ctx, out[i].Page.Group)
		}
	}
	return out, err
}

// match is why an incident there is a page here.
type match struct {
	page int
	by   string
}

// compare decides which incidents and pages are the same and what differs. Alerts are the newest that came in, to say why
// an incident of theirs has no page.
func compare(b Beside, ours []Ours, alerts []detect.Alert, c *catalog.Catalog) ShadowReport {
	r := ShadowReport{Source: b.Source, From: b.From, To: b.To, Rows: []Compared{}, Unknown: []string{}, There: len(b.Incidents)}
	names := namesOf(b.Source, c)
	of := make([][]Theirs, len(ours))
	by := make([]string, len(ours))
	also := map[int]bool{} // pages that are a part of an incident there
	for _, t := range b.Incidents {
		ms := matchesOf(t, names.service(t.Service), ours)
		if len(ms) == 0 {
			r.Rows = append(r.Rows, alone(t, alerts, names))
			continue
		}
		of[ms[0].page] = append(of[ms[0].page], t)
		by[ms[0].page] = ms[0].by
		for _, m := range ms[1:] {
			also[m.page] = true
		}
	}
	for i, o := range ours {
		switch inside := !o.Page.OpenedAt.Before(b.From) && o.Page.OpenedAt.Before(b.To); {
		case len(of[i]) > 0:
			r.Rows = append(r.Rows, beside(o, of[i], by[i], names))
		case !inside:
			continue
		default:
			r.Rows = append(r.Rows, onlyOurs(o, also[i]))
		}
		r.Here++
	}
	r.Unknown = append(r.Unknown, names.unknown...)
	slices.Sort(r.Unknown)
	return r.sum()
}

// matchesOf returns the pages that an incident is, the best first: those with an alert of one of its keys that fired at
// the time, else the one of its service that began at most sameTime away.
func matchesOf(t Theirs, service string, ours []Ours) []match {
	var out []match
	far := map[int]time.Duration{}
	for i, o := range ours {
		for _, a := range o.Alerts {
			over := a.ResolvedAt
			if over.IsZero() {
				over = t.At
			}
			if a.Key == "" || !slices.Contains(t.Keys, a.Key) || t.At.Before(a.FiredAt.Add(-sameTime)) || t.At.After(over.Add(sameTime)) {
				continue
			}
			if d, ok := far[i]; !ok || t.At.Sub(a.FiredAt).Abs() < d {
				far[i] = t.At.Sub(a.FiredAt).Abs()
			}
		}
		if _, ok := far[i]; ok {
			out = append(out, match{i, "the same key"})
		}
	}
	if len(out) == 0 && service != "" {
		for i, o := range ours {
			if d := t.At.Sub(o.Page.OpenedAt).Abs(); d <= sameTime && serves(o, service) {
				far[i] = d
				out = append(out, match{i, "service and time"})
			}
		}
		slices.SortStableFunc(out, func(a, b match) int { return cmp.Compare(far[a.page], far[b.page]) })
		return out[:min(len(out), 1)]
	}
	slices.SortStableFunc(out, func(a, b match) int { return cmp.Compare(far[a.page], far[b.page]) })
	return out
}

// serves reports whether a page is about a service.
func serves(o Ours, service string) bool {
	return o.Page.Service == service || slices.ContainsFunc(o.Alerts, func(a detect.Alert) bool { return a.Service == service })
}

// beside compares a page with the incidents that it was made of.
func beside(o Ours, theirs []Theirs, by string, names *book) Compared {
	row := Compared{Page: o.Page.ID, Title: o.Page.Title, Service: o.Page.Service, At: o.Page.OpenedAt, Theirs: theirs, Matched: by}
	var taken time.Time
	unsaid := true
	for _, t := range theirs {
		unsaid = unsaid && t.Unsaid
		if !t.TakenAt.IsZero() && (taken.IsZero() || t.TakenAt.Before(taken)) {
			taken = t.TakenAt
		}
		for _, n := range t.Told {
			row.There = first(row.There, names.person(n.Who), n.At)
		}
	}
	for _, n := range o.Notifications {
		at := n.SentAt
		told := n.Delivery == Shadow || n.Delivery == Sent || n.Delivery == Delivered
		// Nobody answers a shadow: whom it would have told after somebody took it there, it would not have told.
		if told && (taken.IsZero() || !at.After(taken)) {
			row.Here = first(row.Here, n.Person, at)
		}
	}
	row.There, row.Here = orderly(row.There), orderly(row.Here)
	if unsaid {
		return besideUntold(row, theirs, names)
	}
	for _, p := range row.There {
		if !slices.ContainsFunc(row.Here, func(x ToldAt) bool { return x.Person == p.Person }) {
			row.Why = append(row.Why, p.Person+" was told only there")
		}
	}
	for _, p := range row.Here {
		if !slices.ContainsFunc(row.There, func(x ToldAt) bool { return x.Person == p.Person }) {
			row.Why = append(row.Why, p.Person+" was told only here")
		}
	}
	if len(row.There) > 0 && len(row.Here) > 0 {
		d := row.Here[0].At.Sub(row.There[0].At)
		seconds := d.Seconds()
		row.Later = &seconds
		if d.Abs() > sameDelay {
			how := "later"
			if d < 0 {
				how = "earlier"
			}
			row.Why = append(row.Why, fmt.Sprintf("the first word came %s %s here", catalog.Duration(d.Abs().Round(time.Second)), how))
		}
	}
	row.Outcome = SamePeople
	if len(row.Why) > 0 {
		row.Outcome = Differs
	}
	return row
}

// besideUntold says what can be said without knowing whom they told: whether whoever took it would have been told here.
func besideUntold(row Compared, theirs []Theirs, names *book) Compared {
	row.Outcome = Untold
	for _, t := range theirs {
		if t.TakenBy == (Named{}) {
			continue
		}
		who := names.person(t.TakenBy)
		if !slices.ContainsFunc(row.Here, func(x ToldAt) bool { return x.Person == who }) {
			row.Outcome = Differs
			row.Why = append(row.Why, who+" took it there and was not told here")
		}
	}
	return row
}

// alone is an incident of theirs without a page here.
func alone(t Theirs, alerts []detect.Alert, names *book) Compared {
	row := Compared{Outcome: OnlyTheirs, Title: t.Title, Service: cmp.Or(names.service(t.Service), t.Service.Name), At: t.At, Theirs: []Theirs{t}, Here: []ToldAt{}}
	for _, n := range t.Told {
		row.There = first(row.There, names.person(n.Who), n.At)
	}
	row.There = orderly(row.There)
	if len(row.There) == 0 && !t.Unsaid {
		row.Outcome, row.Matched = SamePeople, "nobody was told on either side"
		return row
	}
	for _, a := range alerts {
		if a.Key == "" || !slices.Contains(t.Keys, a.Key) || t.At.Sub(a.FiredAt).Abs() > sameTime {
			continue
		}
		switch {
		case len(a.Muted) > 0:
			row.Why = append(row.Why, "the alert is here and tells nobody: "+a.Muted[0])
		case a.Ticket():
			row.Why = append(row.Why, "the alert is here and is a ticket (SEV4), which pages nobody")
		}
		return row
	}
	row.Why = append(row.Why, "no page here has its key, nor its service at that time: look whether the same alert is sent here")
	return row
}

// onlyOurs is a page without an incident there.
func onlyOurs(o Ours, part bool) Compared {
	row := Compared{Outcome: OnlyOurs, Page: o.Page.ID, Title: o.Page.Title, Service: o.Page.Service, At: o.Page.OpenedAt, There: []ToldAt{}}
	for _, n := range o.Notifications {
		if n.Delivery == Shadow || n.Delivery == Sent || n.Delivery == Delivered {
			row.Here = first(row.Here, n.Person, n.SentAt)
		}
	}
	row.Here = orderly(row.Here)
	switch {
	case part:
		row.Why = append(row.Why, "it is a page of its own here, and a part of another incident there")
	case len(o.Alerts) > 0 && o.Alerts[0].Source == "":
		row.Why = append(row.Why, "an objective of Nightkeeper's own burned, which nobody sends there")
	}
	return row
}

// first keeps when each person was told first.
func first(in []ToldAt, person string, at time.Time) []ToldAt {
	for i := range in {
		if in[i].Person == person {
			if at.Before(in[i].At) {
				in[i].At = at
			}
			return in
		}
	}
	return append(in, ToldAt{person, at})
}

func orderly(in []ToldAt) []ToldAt {
	slices.SortStableFunc(in, func(a, b ToldAt) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Person, b.Person)) })
	if in == nil {
		return []ToldAt{}
	}
	return in
}

// sum counts the rows, puts what needs a look first, and says the verdict.
func (r ShadowReport) sum() ShadowReport {
	rank := map[Outcome]int{OnlyTheirs: 0, Differs: 1, OnlyOurs: 2, Untold: 3, SamePeople: 4}
	slices.SortStableFunc(r.Rows, func(a, b Compared) int {
		return cmp.Or(cmp.Compare(rank[a.Outcome], rank[b.Outcome]), a.At.Compare(b.At))
	})
	var differ []string
	for _, row := range r.Rows {
		switch row.Outcome {
		case SamePeople:
			r.Same++
		case Differs:
			r.Differ++
		case Untold:
			r.Untold++
		case OnlyTheirs:
			r.OnlyTheirs++
		case OnlyOurs:
			r.OnlyOurs++
		}
		if (row.Outcome == Differs || row.Outcome == OnlyTheirs) && len(row.Why) > 0 && len(differ) < 3 {
			differ = append(differ, row.Title+" ("+row.Why[0]+")")
		}
		if row.Page != "" && len(row.Theirs) > 1 {
			r.Groups++
			r.Grouped += len(row.Theirs)
		}
	}
	r.Verdict = r.words(differ)
	if r.LeftOut = max(0, len(r.Rows)-maxRows); r.LeftOut > 0 {
		r.Rows = slices.Clone(r.Rows[:maxRows]) // the others are not kept alive
	}
	return r
}

// Ready reports whether nothing was found that speaks against moving.
func (r ShadowReport) Ready() bool {
	return r.There > 0 && r.Differ == 0 && r.OnlyTheirs == 0 && r.Untold == 0
}

func (r ShadowReport) words(differ []string) string {
	length := catalog.Duration(r.To.Sub(r.From).Round(time.Second)).String()
	if d := r.To.Sub(r.From); d >= 48*time.Hour {
		length = fmt.Sprintf("%d days", int(d.Round(24*time.Hour)/(24*time.Hour)))
	}
	if r.There == 0 && r.Here == 0 {
		return fmt.Sprintf("In %s neither had anything: there is nothing to compare yet.", length)
	}
	parts := []string{fmt.Sprintf("%d the same people within %s", r.Same, catalog.Duration(sameDelay))}
	for _, x := range []struct {
		n    int
		text string
	}{{r.Differ, "differ"}, {r.OnlyTheirs, "only there"}, {r.OnlyOurs, "only here"}, {r.Untold, "of which it does not say whom it told"}} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.text))
		}
	}
	what := "pages"
	if len(r.Rows) == 1 {
		what = "page"
	}
	out := fmt.Sprintf("In %s %d %s: %s", length, len(r.Rows), what, strings.Join(parts, "; "))
	if len(differ) > 0 {
		out += ": " + strings.Join(differ, ", ")
		if more := r.Differ + r.OnlyTheirs - len(differ); more > 0 {
			out += fmt.Sprintf(" and %d more", more)
		}
	}
	return out + "."
}
