package store

import (
	"context"
	"errors"
	"fmt"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// notSynthetic leaves out what belongs to a round of the watchdog.
const notSynthetic = "substr(grp, 1, 3) <> '" + detect.SyntheticPrefix + "'"

// Rounds returns what is known of the watchdog's rounds; nothing when there was none.
func (t *Tx) Rounds(ctx context.Context) (page.Rounds, error) {
	r, err := one[page.Rounds](ctx, t, "round", "select doc from watchdog where name = 'rounds'")
	if errs.Is(err, errs.NotFound) {
		return page.Rounds{}, nil
	}
	return r, err
}

// SaveRounds writes what is known of the watchdog's rounds.
func (t *Tx) SaveRounds(ctx context.Context, r page.Rounds) error {
	d, err := doc(r)
	if err != nil {
		return err
	}
	return t.exec(ctx, "insert into watchdog (name, doc) values ('rounds', $1) on conflict (name) do update set doc = excluded.doc", d)
}

// DropRound removes everything that a round of the watchdog left behind.
func (t *Tx) DropRound(ctx context.Context, round detect.GroupID) error {
	if !round.Synthetic() {
		return errs.New(errs.Internal, "%s is no round of the watchdog", round)
	}
	var failed []error
	for _, statement := range []string{
		`delete from jobs where key = $1 or key in (select id from pages where grp = $1)
			or key in (select notifications.id from notifications join pages on notifications.page = pages.id where pages.grp = $1)`,
		"delete from notifications where page in (select id from pages where grp = $1)",
		"delete from pages where grp = $1",
		"delete from alerts where grp = $1",
		"delete from group_services where grp = $1",
		"delete from alert_groups where id = $1",
		"delete from events where grp = $1 and grp <> ''",
	} {
		failed = append(failed, t.exec(ctx, statement, string(round)))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("remove round %s: %w", round, err)
	}
	return nil
}
