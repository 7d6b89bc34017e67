package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/rota"
)

// Override returns an override.
func (t *Tx) Override(ctx context.Context, id string) (rota.Override, error) {
	return one[rota.Override](ctx, t, "override", "select doc from overrides where id = $1", id)
}

// Overrides returns those that end after from and begin before to, by when they begin.
func (t *Tx) Overrides(ctx context.Context, schedule string, from, to time.Time) ([]rota.Override, error) {
	return many[rota.Override](ctx, t, `select doc from overrides where ($1 = '' or schedule = $1) and to_at > $2 and from_at < $3
		order by from_at, id`, schedule, micros(from), micros(to))
}

// SwapOf returns both halves of a swap.
func (t *Tx) SwapOf(ctx context.Context, swap string) ([]rota.Override, error) {
	return many[rota.Override](ctx, t, "select doc from overrides where swap = $1 and swap <> '' order by id", swap)
}

// Swap returns a swap.
func (t *Tx) Swap(ctx context.Context, id string) (rota.Swap, error) {
	return one[rota.Swap](ctx, t, "swap", "select doc from swaps where id = $1", id)
}

// Swaps returns those of which a shift ends after since, by when they were asked for.
func (t *Tx) Swaps(ctx context.Context, since time.Time) ([]rota.Swap, error) {
	return many[rota.Swap](ctx, t, "select doc from swaps where to_at > $1 order by id", micros(since))
}

// SaveSwap writes a swap.
func (t *Tx) SaveSwap(ctx context.Context, s rota.Swap) error {
	d, err := doc(s)
	if err != nil {
		return err
	}
	ends := s.A.To
	if s.B.To.After(ends) {
		ends = s.B.To
	}
	return t.exec(ctx, "insert into swaps (id, to_at, doc) values ($1,$2,$3) on conflict (id) do update set doc = excluded.doc", s.ID, micros(ends), d)
}

// SaveOverride writes an override.
func (t *Tx) SaveOverride(ctx context.Context, o rota.Override) error {
	d, err := doc(o)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into overrides (id, schedule, swap, from_at, to_at, doc) values ($1,$2,$3,$4,$5,$6)
		on conflict (id) do update set from_at = excluded.from_at, to_at = excluded.to_at, doc = excluded.doc`,
		o.ID, o.Schedule, o.Swap, micros(o.From), micros(o.To), d)
}

// Cover returns a cover request.
func (t *Tx) Cover(ctx context.Context, id string) (rota.Cover, error) {
	return one[rota.Cover](ctx, t, "cover request", "select doc from covers where id = $1", id)
}

// Covers returns the requests that end after since, by when they begin.
func (t *Tx) Covers(ctx context.Context, schedule string, since time.Time) ([]rota.Cover, error) {
	return many[rota.Cover](ctx, t, "select doc from covers where ($1 = '' or schedule = $1) and to_at > $2 order by from_at, id", schedule, micros(since))
}

// SaveCover writes a cover request.
func (t *Tx) SaveCover(ctx context.Context, c rota.Cover) error {
	d, err := doc(c)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into covers (id, schedule, from_at, to_at, doc) values ($1,$2,$3,$4,$5)
		on conflict (id) do update set from_at = excluded.from_at, to_at = excluded.to_at, doc = excluded.doc`,
		c.ID, c.Schedule, micros(c.From), micros(c.To), d)
}

// Watch returns what the people of a schedule were told.
func (t *Tx) Watch(ctx context.Context, schedule string) (rota.Watch, error) {
	return one[rota.Watch](ctx, t, "watch", "select doc from watches where schedule = $1", schedule)
}

// SaveWatch writes it.
func (t *Tx) SaveWatch(ctx context.Context, w rota.Watch) error {
	d, err := doc(w)
	if err != nil {
		return err
	}
	return t.exec(ctx, "insert into watches (schedule, doc) values ($1,$2) on conflict (schedule) do update set doc = excluded.doc", w.Schedule, d)
}

// Notice returns a notice.
func (t *Tx) Notice(ctx context.Context, id string) (page.Notice, error) {
	return one[page.Notice](ctx, t, "notice", "select doc from notices where id = $1", id)
}

// Notices returns those of a person, the newest first.
func (t *Tx) Notices(ctx context.Context, person string, limit int) ([]page.Notice, error) {
	return many[page.Notice](ctx, t, "select doc from notices where person = $1 order by at desc, id desc limit $2", person, limit)
}

// SaveNotice writes a notice.
func (t *Tx) SaveNotice(ctx context.Context, n page.Notice) error {
	d, err := doc(n)
	if err != nil {
		return err
	}
	return t.exec(ctx, "insert into notices (id, person, at, doc) values ($1,$2,$3,$4) on conflict (id) do update set doc = excluded.doc",
		n.ID, n.Person, micros(n.At), d)
}

// Salt returns what makes the address of a calendar its own; empty until it was changed.
func (t *Tx) Salt(ctx context.Context, calendar string) (salt string, err error) {
	err = t.tx.QueryRowContext(ctx, "select salt from calendars where name = $1", calendar).Scan(&salt)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return salt, sqlError(err)
}

// SaveSalt changes it.
func (t *Tx) SaveSalt(ctx context.Context, calendar, salt string) error {
	return t.exec(ctx, "insert into calendars (name, salt) values ($1,$2) on conflict (name) do update set salt = excluded.salt", calendar, salt)
}
