package store

import (
	"context"

	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// Ticket returns a ticket.
func (t *Tx) Ticket(ctx context.Context, id page.TicketID) (page.Ticket, error) {
	return one[page.Ticket](ctx, t, "ticket", "select doc from tickets where id = $1", string(id))
}

// TicketOf returns the ticket of a group that is not done.
func (t *Tx) TicketOf(ctx context.Context, g detect.GroupID) (page.Ticket, error) {
	return one[page.Ticket](ctx, t, "ticket", "select doc from tickets where grp = $1 and state <> 'done' order by opened_at desc limit 1", string(g))
}

// Tickets returns those that are not done, the oldest first, or those that are, the newest first.
func (t *Tx) Tickets(ctx context.Context, open bool, limit int) ([]page.Ticket, error) {
	if open {
		return many[page.Ticket](ctx, t, "select doc from tickets where state <> 'done' order by opened_at, id limit $1", limit)
	}
	return many[page.Ticket](ctx, t, "select doc from tickets where state = 'done' order by done_at desc, id desc limit $1", limit)
}

// SaveTicket writes a ticket.
func (t *Tx) SaveTicket(ctx context.Context, k page.Ticket) error {
	d, err := doc(k)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into tickets (id, grp, state, opened_at, done_at, doc) values ($1,$2,$3,$4,$5,$6)
		on conflict (id) do update set state = excluded.state, done_at = excluded.done_at, doc = excluded.doc`,
		string(k.ID), string(k.Group), string(k.State), micros(k.OpenedAt), micros(k.DoneAt), d)
}

// Readiness returns what is known of all contacts that were ever tried, by person.
func (t *Tx) Readiness(ctx context.Context) ([]page.Readiness, error) {
	return many[page.Readiness](ctx, t, "select doc from readiness order by person, channel, address")
}

// SaveReadiness writes it.
func (t *Tx) SaveReadiness(ctx context.Context, r page.Readiness) error {
	d, err := doc(r)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into readiness (person, channel, address, doc) values ($1,$2,$3,$4)
		on conflict (person, channel, address) do update set doc = excluded.doc`, r.Person, r.Channel, r.Key, d)
}
