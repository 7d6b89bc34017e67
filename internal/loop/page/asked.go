package page

import (
	"context"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// asked tells somebody of the page of a group because another system asks for it: at once, whatever the page waits for. A
// group without a page has nobody to tell of it.
func (s *Service) asked(ctx context.Context, tx Tx, c detect.Call, by string, now time.Time) error {
	p, err := tx.PageOf(ctx, c.Group)
	if errs.Is(err, errs.NotFound) || (err == nil && p.State == Resolved) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.Policy != "" {
		return s.askedPolicy(ctx, tx, p, c.Policy, by, now)
	}
	made, err := tx.Overrides(ctx, "", now, now.Add(time.Millisecond))
	if err != nil {
		return err
	}
	people := peopleOf(p, catalog.Step{Targets: []catalog.Target{{Person: c.Person, Schedule: c.Schedule, Team: c.Team}}}, s.Catalog(), made, now)
	for _, person := range people {
		if !slices.Contains(p.Told, person) {
			p.Told = append(p.Told, person)
		}
		if err := s.enqueue(ctx, tx, p, person, now); err != nil {
			return err
		}
	}
	if err := tx.SavePage(ctx, p); err != nil {
		return err
	}
	text := by + " asked for " + strings.Join(people, ", ") + ": they are told"
	if len(people) == 0 {
		text = by + " asked for somebody, and nobody is on call there"
	}
	return s.append(ctx, tx, KindEscalated, p, by, text, people, now)
}

// askedPolicy has the page go by another policy from its first step on.
func (s *Service) askedPolicy(ctx context.Context, tx Tx, p Page, policy, by string, now time.Time) error {
	for _, j := range [][2]string{{jobRelease, string(p.Group)}, {jobReopen, string(p.ID)}, {jobEscalate, string(p.ID)}} {
		if err := tx.Cancel(ctx, j[0], j[1]); err != nil {
			return err
		}
	}
	kind := KindOpened
	if p.State != Held {
		kind = KindReopened
	}
	p.Policy, p.Step, p.Loop = policy, 0, 0
	p.State, p.ReleasedAt, p.AckedAt, p.AckedBy, p.Reason = Open, now, time.Time{}, "", by+" escalated it to "+policy
	return s.tell(ctx, tx, p, kind, now)
}
