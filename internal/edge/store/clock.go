package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"nightkeeper/internal/kit/job"
)

// Clock notes a server's time beside the jobs, so that they do not wait for hours when the clock is set back, while the
// server runs or while it is away.
//
// It notes beside that whether the server runs as a shadow, because those of a database must all do so, or none.
//
// When other servers work on the database nothing is moved: jobs are due by their clocks, and they go on.
type Clock struct {
	Shadow  bool // whether this server runs as a shadow
	Differs bool // whether another server that works runs as a shadow and this one does not, or the other way round; see Look

	db     *DB
	name   string
	looks  int
	others map[string]time.Time // what they noted
	alive  map[string]int       // the look in which that changed last
}

const (
	clockMark  = "clock "
	shadowMark = "shadow of " // before the name of a clock of a shadow
)

// NewClock returns the clock of a server; its name is the same over restarts, and no other server has it.
func NewClock(db *DB, server string) *Clock {
	return &Clock{db: db, name: clockMark + server, others: map[string]time.Time{}, alive: map[string]int{}}
}

// forgotten is when the mark of a server that is gone goes too: in containers each start has another name.
const forgotten = 30 * 24 * time.Hour

// alone is how many looks it takes to know that no other server notes its time any more.
const alone = 4

// Look notes now. It returns by how much due work was moved, and by how much the clock of another server that works is ahead
// or behind the most. It is called every few seconds.
func (c *Clock) Look(ctx context.Context, now time.Time) (moved, apart time.Duration, err error) {
	var marks, shadows map[string]time.Time
	err = c.db.View(ctx, func(t *Tx) (err error) {
		if marks, err = t.Marks(ctx, clockMark); err != nil {
			return err
		}
		shadows, err = t.Marks(ctx, shadowMark)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	c.looks++
	working, differs := false, false
	for name, at := range marks {
		if name == c.name {
			continue
		}
		if was, known := c.others[name]; known && !was.Equal(at) {
			c.alive[name] = c.looks
		}
		c.others[name] = at
		if n := c.alive[name]; n > 0 && c.looks-n < alone {
			working = true
			differs = differs || shadows[shadowMark+name].IsZero() == c.Shadow
			if d := at.Sub(now); d.Abs() > apart.Abs() {
				apart = d
			}
		}
	}
	c.Differs = differs
	noted := marks[c.name]
	for _, at := range c.others { // what servers that are gone left is due by their clocks
		if at.After(noted) {
			noted = at
		}
	}
	back := job.SetBack(noted, now)
	if back > 0 && len(c.others) > 0 && !working && c.looks < alone {
		return 0, apart, nil // others may work and were not seen to yet
	}
	if working {
		back = 0
	}
	err = c.db.Update(ctx, func(t *Tx) error {
		if back > 0 {
			if err := t.MoveJobs(ctx, -back, now); err != nil {
				return err
			}
			for name, at := range c.others {
				if at.After(now) {
					c.others[name] = now
					if err := t.SaveMark(ctx, name, now); err != nil {
						return err
					}
				}
			}
		}
		for name, at := range marks {
			if name != c.name && now.Sub(at) > forgotten {
				delete(c.others, name)
				if err := errors.Join(t.DropMark(ctx, name), t.DropMark(ctx, shadowMark+name)); err != nil {
					return err
				}
			}
		}
		if c.Shadow != !shadows[shadowMark+c.name].IsZero() {
			if err := c.noteShadow(ctx, t, now); err != nil {
				return err
			}
		}
		return t.SaveMark(ctx, c.name, now)
	})
	if err != nil {
		return 0, apart, err
	}
	return back, apart, nil
}

func (c *Clock) noteShadow(ctx context.Context, t *Tx, now time.Time) error {
	if c.Shadow {
		return t.SaveMark(ctx, shadowMark+c.name, now)
	}
	return t.DropMark(ctx, shadowMark+c.name)
}

// Marks returns the times that were kept under names with a prefix.
func (t *Tx) Marks(ctx context.Context, prefix string) (map[string]time.Time, error) {
	rows, err := t.tx.QueryContext(ctx, "select name, at from marks")
	if err != nil {
		return nil, sqlError(err)
	}
	defer rows.Close()
	out := map[string]time.Time{}
	for rows.Next() {
		var name string
		var at int64
		if err := rows.Scan(&name, &at); err != nil {
			return nil, err
		}
		if strings.HasPrefix(name, prefix) {
			out[name] = fromMicros(at)
		}
	}
	return out, sqlError(rows.Err())
}

// MoveJobs makes what is due after now, and leases that end after it, nearer or further by a duration.
func (t *Tx) MoveJobs(ctx context.Context, by time.Duration, now time.Time) error {
	t.news.all = true
	return t.exec(ctx, `update jobs set due_at = case when due_at > $2 then due_at + $1 else due_at end,
		lease_until = case when lease_until > $2 then lease_until + $1 else lease_until end where due_at > $2 or lease_until > $2`, by.Microseconds(), micros(now))
}
