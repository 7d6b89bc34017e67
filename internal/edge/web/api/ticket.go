package api

import (
	"context"
	"net/http"

	"nightkeeper/internal/loop/page"
)

// TicketDoneIn says why a ticket is done.
type TicketDoneIn struct {
	NameIn
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"500"`
	}
}

func (r *routes) tickets() {
	get(r, "/tickets", "Tickets that are not done, the oldest first", "read", func(ctx context.Context, in *struct {
		All bool `query:"all" doc:"done ones too, the newest first, behind the others"`
	}) ([]page.Ticket, error) {
		ts, err := r.Page.Tickets(ctx, in.All)
		return orEmpty(ts), err
	})
	call(r, http.MethodPost, "/tickets/{name}/take", "Take a ticket", "respond", func(ctx context.Context, in *NameIn) (page.Ticket, error) {
		return r.Page.TakeTicket(ctx, page.TicketID(in.Name), userOf(ctx).Name, r.Now())
	})
	call(r, http.MethodPost, "/tickets/{name}/done", "Say that a ticket is done, and why", "respond", func(ctx context.Context, in *TicketDoneIn) (page.Ticket, error) {
		return r.Page.EndTicket(ctx, page.TicketID(in.Name), in.Body.Reason, userOf(ctx).Name, r.Now())
	})
}
