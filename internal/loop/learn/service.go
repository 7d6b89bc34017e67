package learn

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

// Config is what a Service needs. All fields are required.
type Config struct {
	Store   Store
	Catalog func() *catalog.Catalog
	Log     *slog.Logger
}

// Service drafts postmortems and keeps action items. It is safe for concurrent use.
type Service struct{ Config }

// New returns a service.
func New(c Config) *Service { return &Service{c} }

// How much of the past a draft looks at.
const (
	maxEvents  = 5000
	maxRuns    = 100
	maxHistory = 500
)

// repeatWithin and repeatOver say when a cause comes back too often: more than two incidents in a week.
const (
	repeatWithin = 7 * 24 * time.Hour
	repeatOver   = 2
)

// resolved drafts the postmortem of an incident that is over.
func (s *Service) resolved(ctx context.Context, tx Tx, id respond.ID, now time.Time) error {
	i, err := tx.Incident(ctx, id)
	if err != nil || i.Open() {
		return ignoreNotFound(err)
	}
	if err := s.repeated(ctx, tx, i, now); err != nil {
		return err
	}
	if drafted, _ := wanted(i.Severity); !drafted || i.Muted {
		return nil
	}
	return s.draft(ctx, tx, i, now)
}

// Ask drafts the postmortem of an incident of which none is written by itself: a SEV4, or one that ended because its alerts
// were muted. One that there is is no error. The incident must be over: otherwise the error has code conflict.
func (s *Service) Ask(ctx context.Context, incident respond.ID, by string, now time.Time) (p Postmortem, err error) {
	err = s.Store.Update(ctx, func(tx Tx) error {
		if p, err = tx.Postmortem(ctx, IDOf(incident)); err == nil || !errs.Is(err, errs.NotFound) {
			return err
		}
		i, err := tx.Incident(ctx, incident)
		if err != nil {
			return err
		}
		if i.Open() {
			return errs.New(errs.Conflict, "%s is not over; its postmortem is drafted when it is", incident)
		}
		if err := s.draft(ctx, tx, i, now); err != nil {
			return err
		}
		if p, err = tx.Postmortem(ctx, IDOf(incident)); err != nil {
			return err
		}
		return s.append(ctx, tx, KindAsked, p, by, fmt.Sprintf("%s asked for the postmortem of %s", by, incident), now)
	})
	return p, err
}

// draft writes the postmortem of a case, or what is new in it, with its action items and their timers.
func (s *Service) draft(ctx context.Context, tx Tx, i respond.Incident, now time.Time) error {
	c := Case{Incident: i, Catalog: s.Catalog()}
	var err error
	if c.Events, err = tx.Events(ctx, event.Query{Group: string(i.Group), Limit: maxEvents}); err != nil {
		return err
	}
	if c.Runs, err = tx.Runs(ctx, i.ID, maxRuns); err != nil {
		return err
	}
	if c.History, err = tx.Incidents(ctx, false, maxHistory); err != nil {
		return err
	}
	var cur *Postmortem
	switch p, err := tx.Postmortem(ctx, IDOf(i.ID)); {
	case err == nil:
		cur = &p
	case !errs.Is(err, errs.NotFound):
		return err
	}
	d := Write(c)
	p := redraft(cur, c, d, now)
	if err := tx.SavePostmortem(ctx, p); err != nil {
		return err
	}
	if p.State == Published {
		return nil
	}
	if cur == nil || !cur.ResolvedAt.Equal(p.ResolvedAt) {
		text := fmt.Sprintf("postmortem %s drafted", p.ID)
		if cur != nil {
			text += " again"
		}
		if p.Required {
			text += "; it is required by " + stamp(p.DueAt) + " UTC"
		}
		if err := s.append(ctx, tx, KindDrafted, p, event.System, text, now); err != nil {
			return err
		}
	}
	if p.Required {
		if err := tx.Enqueue(ctx, job.New(jobLate, string(p.ID), p.DueAt, nil)); err != nil {
			return err
		}
	}
	return s.keepItems(ctx, tx, p, d.Items, now)
}

// keepItems adds the action items that a draft calls for and drops open ones that it no longer does.
func (s *Service) keepItems(ctx context.Context, tx Tx, p Postmortem, want []ActionItem, now time.Time) error {
	have, err := tx.Items(ctx, p.ID, false, 1000)
	if err != nil {
		return err
	}
	add, drop := reconcile(have, want)
	for _, a := range add {
		a.CreatedBy = event.System
		if _, err := s.addItem(ctx, tx, a, now); err != nil {
			return err
		}
	}
	for _, a := range drop {
		if err := s.endItem(ctx, tx, a, Dropped, event.System, "a later draft names another cause", now); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) addItem(ctx context.Context, tx Tx, a ActionItem, now time.Time) (ActionItem, error) {
	n, err := tx.NextNumber(ctx, "action")
	if err != nil {
		return a, err
	}
	a.ID, a.CreatedAt, a.State = ItemID("ACT-"+strconv.FormatInt(n, 10)), now, Open
	if err := tx.SaveItem(ctx, a); err != nil {
		return a, err
	}
	if err := s.appendItem(ctx, tx, KindAdded, a, a.CreatedBy, fmt.Sprintf("%s %s for %s: %s", a.Priority, a.ID, a.Incident, a.Text), now); err != nil {
		return a, err
	}
	return a, tx.Enqueue(ctx, job.New(jobChase, string(a.ID), a.DueAt, nil))
}

func (s *Service) endItem(ctx context.Context, tx Tx, a ActionItem, to ItemState, by, reason string, now time.Time) error {
	a.State, a.DoneAt, a.DoneBy, a.Reason = to, now, by, reason
	if err := tx.SaveItem(ctx, a); err != nil {
		return err
	}
	if err := tx.Cancel(ctx, jobChase, string(a.ID)); err != nil {
		return err
	}
	kind, text := KindDone, fmt.Sprintf("%s is done: %s", a.ID, a.Text)
	if to == Dropped {
		kind, text = KindDropped, fmt.Sprintf("%s is dropped: %s", a.ID, reason)
	} else if a.Proof != "" {
		text += "; proven by " + a.Proof
	}
	return s.appendItem(ctx, tx, kind, a, by, text, now)
}

// reopened marks a published postmortem as outdated; a draft waits for the new end.
func (s *Service) reopened(ctx context.Context, tx Tx, i respond.Incident, at, now time.Time) error {
	p, err := tx.Postmortem(ctx, IDOf(i.ID))
	if err != nil {
		return ignoreNotFound(err)
	}
	if p.State != Published {
		return tx.Cancel(ctx, jobLate, string(p.ID))
	}
	if !p.OutdatedAt.Before(at) {
		return nil
	}
	p.OutdatedAt = at
	if err := tx.SavePostmortem(ctx, p); err != nil {
		return err
	}
	return s.append(ctx, tx, KindOutdated, p, event.System, fmt.Sprintf("%s came back after its postmortem was published", i.ID), now)
}

// repeated says so when the same cause was behind more than two incidents within a week.
func (s *Service) repeated(ctx context.Context, tx Tx, i respond.Incident, now time.Time) error {
	kind, service := causeKind(i), causeService(i)
	if kind == diagnose.Unknown {
		return nil
	}
	said, err := tx.Events(ctx, event.Query{Subject: string(i.ID), Kinds: []string{KindRepeated}, Limit: 1})
	if err != nil || len(said) > 0 {
		return err
	}
	recent, err := tx.IncidentsSince(ctx, i.OpenedAt.Add(-repeatWithin), i.OpenedAt)
	if err != nil {
		return err
	}
	ids := []string{}
	for _, o := range recent {
		if o.ID != i.ID && causeKind(o) == kind && causeService(o) == service {
			ids = append(ids, string(o.ID))
		}
	}
	ids = append(ids, string(i.ID))
	if len(ids) <= repeatOver {
		return nil
	}
	e := event.New(KindRepeated, now, event.System, string(i.ID),
		fmt.Sprintf("%s of %s was behind %d incidents within a week: %s", spoken(kind), service, len(ids), strings.Join(ids, ", ")), Repeated{service, kind, ids})
	e.Service, e.Group = service, string(i.Group)
	return tx.Append(ctx, e)
}

// maxText bounds a postmortem that a person writes.
const maxText = 256 << 10

// Edit replaces the text of a postmortem by a person's. Phrases that blame somebody are returned and kept, and forbid
// nothing.
func (s *Service) Edit(ctx context.Context, id ID, by, markdown string, now time.Time) (p Postmortem, err error) {
	markdown = strings.ReplaceAll(markdown, "\r\n", "\n")
	if strings.TrimSpace(markdown) == "" || len(markdown) > maxText {
		return p, errs.New(errs.Invalid, "a postmortem has 1 to %d bytes; this has %d", maxText, len(markdown))
	}
	err = s.Store.Update(ctx, func(tx Tx) (err error) {
		if p, err = tx.Postmortem(ctx, id); err != nil {
			return err
		}
		p.Markdown, p.EditedAt, p.EditedBy = markdown, now, by
		p.Findings = Blame(markdown, people(Case{Catalog: s.Catalog()})...)
		if err := tx.SavePostmortem(ctx, p); err != nil {
			return err
		}
		text := fmt.Sprintf("%s edited the postmortem of %s", by, p.Incident)
		if n := len(p.Findings); n > 0 {
			text += fmt.Sprintf("; %d %s to look at again", n, plural(n, "phrase", "phrases"))
		}
		return s.append(ctx, tx, KindEdited, p, by, text, now)
	})
	return p, err
}

// Publish ends the work on a postmortem. It fails with code conflict when it is published already or its incident is open
// again.
func (s *Service) Publish(ctx context.Context, id ID, by string, now time.Time) (p Postmortem, err error) {
	err = s.Store.Update(ctx, func(tx Tx) (err error) {
		if p, err = tx.Postmortem(ctx, id); err != nil {
			return err
		}
		if p.State == Published {
			return errs.New(errs.Conflict, "%s is already published", id)
		}
		if i, err := tx.Incident(ctx, p.Incident); err != nil {
			return err
		} else if i.Open() {
			return errs.New(errs.Conflict, "%s is open again: its postmortem can be published when it is over", p.Incident)
		}
		p.State, p.PublishedAt, p.PublishedBy = Published, now, by
		if err := tx.SavePostmortem(ctx, p); err != nil {
			return err
		}
		if err := tx.Cancel(ctx, jobLate, string(p.ID)); err != nil {
			return err
		}
		return s.append(ctx, tx, KindPublished, p, by, fmt.Sprintf("%s published the postmortem of %s", by, p.Incident), now)
	})
	return p, err
}

// NewItem is an action item that a person asks for. Owner, a team or a person, and DueAt have defaults: the owner of the
// cause, and what the priority says.
type NewItem struct {
	Text       string
	Priority   Priority
	Owner      string
	DueAt      time.Time
	Experiment string
}

// AddItem adds an action item to a postmortem.
func (s *Service) AddItem(ctx context.Context, id ID, n NewItem, by string, now time.Time) (a ActionItem, err error) {
	n.Text = strings.TrimSpace(n.Text)
	due, ok := n.Priority.Due(now)
	c := s.Catalog()
	switch {
	case n.Text == "" || len(n.Text) > 1000:
		return a, errs.New(errs.Invalid, "an action item has 1 to 1,000 characters; this has %d", len(n.Text))
	case !ok:
		return a, errs.New(errs.Invalid, "priority is %q; it must be P0, P1 or P2", n.Priority)
	case n.Owner != "" && c.Teams[n.Owner] == nil && c.People[n.Owner] == nil:
		return a, errs.New(errs.Invalid, "there is no team or person named %q in the catalog", n.Owner)
	case !n.DueAt.IsZero() && n.DueAt.Before(now):
		return a, errs.New(errs.Invalid, "the due time is in the past")
	case !n.DueAt.IsZero():
		due = n.DueAt
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		p, err := tx.Postmortem(ctx, id)
		if err != nil {
			return err
		}
		a = ActionItem{Postmortem: p.ID, Incident: p.Incident, Text: n.Text, Priority: n.Priority, Owner: n.Owner, DueAt: due, Experiment: n.Experiment, CreatedBy: by}
		if a.Owner == "" {
			i, err := tx.Incident(ctx, p.Incident)
			if err != nil {
				return err
			}
			a.Owner = owner(Case{Incident: i, Catalog: c})
		}
		a, err = s.addItem(ctx, tx, a, now)
		return err
	})
	return a, err
}

// CompleteItem ends an action item as done. An item with an experiment fails with code conflict until the experiment has
// passed after the end of the incident.
func (s *Service) CompleteItem(ctx context.Context, id ItemID, by, reason string, now time.Time) (ActionItem, error) {
	return s.closeItem(ctx, id, Done, by, reason, now)
}

// DropItem ends an action item that will not be done, for a reason.
func (s *Service) DropItem(ctx context.Context, id ItemID, by, reason string, now time.Time) (a ActionItem, err error) {
	if strings.TrimSpace(reason) == "" {
		return a, errs.New(errs.Invalid, "say why the action item is dropped")
	}
	return s.closeItem(ctx, id, Dropped, by, reason, now)
}

func (s *Service) closeItem(ctx context.Context, id ItemID, to ItemState, by, reason string, now time.Time) (a ActionItem, err error) {
	err = s.Store.Update(ctx, func(tx Tx) (err error) {
		if a, err = tx.Item(ctx, id); err != nil {
			return err
		}
		if a.State != Open {
			return errs.New(errs.Conflict, "%s is already %s", id, a.State)
		}
		if to == Done && a.Experiment != "" {
			if a.Proof, err = s.proof(ctx, tx, a); err != nil {
				return err
			}
		}
		if err := s.endItem(ctx, tx, a, to, by, strings.TrimSpace(reason), now); err != nil {
			return err
		}
		a, err = tx.Item(ctx, id)
		return err
	})
	return a, err
}

// proof returns the run that proves an item, or an error with code conflict.
func (s *Service) proof(ctx context.Context, tx Tx, a ActionItem) (string, error) {
	i, err := tx.Incident(ctx, a.Incident)
	if err != nil {
		return "", err
	}
	unproven := errs.New(errs.Conflict, "%s is done when experiment %s has passed after %s; it has not", a.ID, a.Experiment, a.Incident)
	if i.Open() {
		return "", unproven
	}
	p, err := tx.Proof(ctx, a.Experiment, i.ResolvedAt)
	if errs.Is(err, errs.NotFound) {
		return "", unproven
	}
	return p.Run, err
}

// Proven is the order that an experiment passed in a run whose fault began at a time: items that wait for it can be done.
func (s *Service) Proven(ctx context.Context, tx Tx, experiment, run string, at, now time.Time) error {
	if err := tx.SaveProof(ctx, Proof{experiment, run, at}); err != nil {
		return err
	}
	open, err := tx.Items(ctx, "", true, 10_000)
	if err != nil {
		return err
	}
	for _, a := range open {
		if a.Experiment != experiment {
			continue
		}
		if err := s.appendItem(ctx, tx, KindProven, a, event.System, fmt.Sprintf("experiment %s passed in %s: %s can be done", experiment, run, a.ID), now); err != nil {
			return err
		}
	}
	return nil
}

// List returns the newest postmortems with their items.
func (s *Service) List(ctx context.Context, limit int) (out []Postmortem, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		if out, err = tx.Postmortems(ctx, limit); err != nil {
			return err
		}
		for k := range out {
			if out[k].Items, err = tx.Items(ctx, out[k].ID, false, 1000); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// Get returns a postmortem with its items, or an error with code not_found.
func (s *Service) Get(ctx context.Context, id ID) (p Postmortem, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		if p, err = tx.Postmortem(ctx, id); err != nil {
			return err
		}
		p.Items, err = tx.Items(ctx, id, false, 1000)
		slices.SortFunc(p.Items, byDue)
		return err
	})
	return p, err
}

// Of returns the postmortem of an incident, or an error with code not_found.
func (s *Service) Of(ctx context.Context, i respond.ID) (Postmortem, error) {
	return s.Get(ctx, IDOf(i))
}

// Items returns action items by due time, only open ones when open is set.
func (s *Service) Items(ctx context.Context, open bool) (out []ActionItem, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Items(ctx, "", open, 10_000)
		return err
	})
	slices.SortFunc(out, byDue)
	return out, err
}

// Item returns an action item or an error with code not_found.
func (s *Service) Item(ctx context.Context, id ItemID) (a ActionItem, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		a, err = tx.Item(ctx, id)
		return err
	})
	return a, err
}

// Measures returns how the incidents opened in [from, to) went, and how action items and postmortems of that time do.
func (s *Service) Measures(ctx context.Context, from, to, now time.Time) (m Measures, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		records, err := s.records(ctx, tx, from, to)
		if err != nil {
			return err
		}
		m = Measure(records)
		m.Detection = Detect(records, func(service string) bool { return len(s.Catalog().SLOsOf(service)) > 0 })
		in := func(t time.Time) bool { return !t.Before(from) && t.Before(to) }
		as, err := tx.Items(ctx, "", false, 10_000)
		if err != nil {
			return err
		}
		ps, err := tx.Postmortems(ctx, 10_000)
		if err != nil {
			return err
		}
		m.Items = itemCompletion(slices.DeleteFunc(as, func(a ActionItem) bool { return !in(a.CreatedAt) }), now)
		m.Postmortems = postmortemCompletion(slices.DeleteFunc(ps, func(p Postmortem) bool { return !in(p.ResolvedAt) }), now)
		return nil
	})
	m.From, m.To = from, to
	return m, err
}

func (s *Service) records(ctx context.Context, tx Tx, from, to time.Time) ([]Record, error) {
	incidents, err := tx.IncidentsSince(ctx, from, to)
	if err != nil {
		return nil, err
	}
	var out []Record
	for _, i := range incidents {
		told, err := tx.Events(ctx, event.Query{Group: string(i.Group), Kinds: []string{page.KindOpened}, Limit: 1})
		if err != nil {
			return nil, err
		}
		runs, err := tx.Runs(ctx, i.ID, maxRuns)
		if err != nil {
			return nil, err
		}
		fixed := slices.ContainsFunc(runs, func(r remediate.Run) bool { return r.State == remediate.Succeeded && !r.DryRun })
		out = append(out, Record{i, len(told) > 0, fixed})
	}
	return out, nil
}

func (s *Service) append(ctx context.Context, tx Tx, kind string, p Postmortem, actor, text string, now time.Time) error {
	e := event.New(kind, now, actor, string(p.ID), text, Changed{p.slim()})
	e.Service, e.Group = p.Service, string(p.Group)
	return tx.Append(ctx, e)
}

func (s *Service) appendItem(ctx context.Context, tx Tx, kind string, a ActionItem, actor, text string, now time.Time) error {
	e := event.New(kind, now, actor, string(a.ID), text, ItemChanged{a})
	p, err := tx.Postmortem(ctx, a.Postmortem)
	if err != nil {
		return err
	}
	e.Service, e.Group = p.Service, string(p.Group)
	return tx.Append(ctx, e)
}
