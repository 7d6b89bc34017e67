package page

import (
	"context"
	"fmt"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page/rota"
)

// Call is the order to call people for something that no alert is about, such as to take command. It is a page like any
// other, but it is never held. A second call of a group changes nothing while the first waits for an answer and goes by the
// same policy; otherwise it takes the place of the first.
type Call struct {
	Group    detect.GroupID  `json:"group"` // of its own, not that of an alert
	For      string          `json:"for"`   // what it is about, such as INC-7
	Service  string          `json:"service"`
	Severity detect.Severity `json:"severity"`
	Policy   string          `json:"policy"`
	First    []string        `json:"first,omitempty"` // people who are told before the steps of the policy
	Title    string          `json:"title"`
	Context  string          `json:"context"`
	Reason   string          `json:"reason"`
}

// CallJob returns the order as a job that is due at once.
func CallJob(c Call, now time.Time) job.Job { return job.New(jobCall, string(c.Group), now, c) }

// EndCall ends a call, also one whose order has not been carried out.
func EndCall(ctx context.Context, tx job.Enqueuer, g detect.GroupID, reason string, now time.Time) error {
	if err := tx.Cancel(ctx, jobCall, string(g)); err != nil {
		return err
	}
	return tx.Enqueue(ctx, ResolveJob(Resolve{Group: g, Reason: reason}, now))
}

// call opens the page of a call.
func (s *Service) call(ctx context.Context, tx Tx, c Call, now time.Time) error {
	switch p, err := tx.PageOf(ctx, c.Group); {
	case errs.Is(err, errs.NotFound):
	case err != nil:
		return err
	case p.State == Open && p.Policy == c.Policy && slices.Equal(p.First, c.First):
		return nil
	default:
		if err := Ended(ctx, tx, c.Group, event.System, "another call takes its place: "+c.Reason, now); err != nil {
			return err
		}
	}
	return s.tell(ctx, tx, Page{
		ID: ID(id.New("pg", now)), Group: c.Group, For: c.For, Service: c.Service, Severity: c.Severity, Policy: c.Policy, First: c.First,
		State: Open, Title: c.Title, Context: c.Context, OpenedAt: now, ReleasedAt: now, Reason: c.Reason,
	}, KindOpened, now)
}

// firstWait is how long people who are called by name have for an answer before the policy begins.
const firstWait = 10 * time.Minute

// byName tells the people who were asked for by name, before the first step.
func byName(p Page) escalation {
	p.Asked = true
	return escalation{people: p.First, next: p, wait: firstWait, reason: "asked for by name"}
}

// Called returns whom a policy calls first: the people of the first step that finds somebody.
func Called(c *catalog.Catalog, policy string, made []rota.Override, now time.Time) []string {
	pol := c.Policies[policy]
	if pol == nil {
		return nil
	}
	for _, step := range pol.Steps {
		if people := peopleOf(Page{}, step, c, made, now); len(people) > 0 {
			return people
		}
	}
	return nil
}

// Tell is the order to tell a person something that needs no answer by a channel: a notice. Key tells it from others.
type Tell struct {
	Key    string `json:"key"`
	About  string `json:"about"` // what it is about, such as INC-7
	Person string `json:"person"`
	Kind   string `json:"kind"`
	Title  string `json:"title"`
	Text   string `json:"text"`
	Link   string `json:"link"` // path of a page of ours
}

// TellJob returns the order as a job that is due at once.
func TellJob(t Tell, now time.Time) job.Job { return job.New(jobTell, t.Key, now, t) }

func (s *Service) tellPerson(ctx context.Context, tx Tx, t Tell, now time.Time) error {
	if s.Catalog().People[t.Person] == nil {
		return nil // the catalog changed meanwhile
	}
	if err := s.notice(ctx, tx, Notice{About: t.About, Person: t.Person, Kind: t.Kind, Title: t.Title, Text: t.Text, Link: t.Link}, now); err != nil {
		return fmt.Errorf("tell %s: %w", t.Person, err)
	}
	return nil
}
