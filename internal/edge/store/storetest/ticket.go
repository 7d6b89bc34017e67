package storetest

import (
	"context"
	"errors"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

var ticketTests = []exercise{
	{"tickets come back alone, by group, and open ones the oldest first", func(w world) {
		k := func(id, group string, state page.TicketState, opened, done int) page.Ticket {
			t := page.Ticket{ID: page.TicketID(id), Group: detect.GroupID(group), State: state, Title: "the disk fills", Alerts: []detect.AlertID{"al_1"},
				Firing: []detect.AlertID{"al_1"}, OpenedAt: at(opened), DueFrom: at(100), DueTo: at(200), Reason: "it waits"}
			if done > 0 {
				t.DoneAt = at(done)
			}
			return t
		}
		a, b, c, d := k("tk_1", "g", page.TicketDone, 1, 30), k("tk_2", "g", page.TicketOpen, 20, 0), k("tk_3", "h", page.TicketTaken, 10, 0), k("tk_4", "i", page.TicketDone, 2, 40)
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveTicket(ctx, a), tx.SaveTicket(ctx, b), tx.SaveTicket(ctx, c), tx.SaveTicket(ctx, d))
		})
		list := func(open bool, limit int) []page.Ticket {
			return read(w, func(ctx context.Context, tx *store.Tx) ([]page.Ticket, error) { return tx.Tickets(ctx, open, limit) })
		}
		same(w, "open ones", list(true, 10), []page.Ticket{c, b})
		same(w, "no more than asked for", list(true, 1), []page.Ticket{c})
		same(w, "done ones, the newest first", list(false, 10), []page.Ticket{d, a})
		same(w, "one", read(w, func(ctx context.Context, tx *store.Tx) (page.Ticket, error) { return tx.Ticket(ctx, "tk_1") }), a)
		same(w, "of a group", read(w, func(ctx context.Context, tx *store.Tx) (page.Ticket, error) { return tx.TicketOf(ctx, "g") }), b)
		missing(w, "of a group whose ticket is done", func(ctx context.Context, tx *store.Tx) (page.Ticket, error) { return tx.TicketOf(ctx, "i") })
		missing(w, "one that is not there", func(ctx context.Context, tx *store.Tx) (page.Ticket, error) { return tx.Ticket(ctx, "tk_9") })
		b.State, b.DoneAt = page.TicketDone, at(50)
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveTicket(ctx, b) })
		same(w, "after it was done", list(true, 10), []page.Ticket{c})
		same(w, "done ones, the newest first", list(false, 10), []page.Ticket{b, d, a})
	}},
	{"what is known of a contact is kept by person, channel and address", func(w world) {
		r := func(person, channel, key string) page.Readiness {
			return page.Readiness{Person: person, Channel: channel, Key: key, TestedAt: at(1), TestedBy: "ines", OK: true, Text: "receipt", State: "not confirmed"}
		}
		a, b, c := r("mira", "email", "1"), r("mira", "email", "2"), r("ada", "sms", "1")
		w.update(func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(tx.SaveReadiness(ctx, a), tx.SaveReadiness(ctx, b), tx.SaveReadiness(ctx, c))
		})
		a.ConfirmedAt = at(9)
		w.update(func(ctx context.Context, tx *store.Tx) error { return tx.SaveReadiness(ctx, a) })
		same(w, "all", read(w, func(ctx context.Context, tx *store.Tx) ([]page.Readiness, error) { return tx.Readiness(ctx) }), []page.Readiness{c, a, b})
	}},
}
