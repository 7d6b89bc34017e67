package ui

import (
	"net/http"
	"strings"
	"time"

	"nightkeeper/internal/loop/page"
)

type ticketsData struct {
	Open []page.Ticket // the oldest first
	Done []page.Ticket // the newest first
	Now  time.Time
}

func (s *server) ticketsPage(r *http.Request) (view, error) {
	all, err := s.Page.Tickets(r.Context(), true)
	if err != nil {
		return view{}, err
	}
	d := ticketsData{Now: shellOf(r.Context()).Now}
	for _, t := range all {
		switch {
		case t.State != page.TicketDone:
			d.Open = append(d.Open, t)
		case len(d.Done) < 50:
			d.Done = append(d.Done, t)
		}
	}
	return view{Title: "Tickets", Live: true, Body: ticketsBody(d)}, nil
}

func (s *server) doTakeTicket(r *http.Request) (string, error) {
	_, err := s.Page.TakeTicket(r.Context(), page.TicketID(r.PathValue("id")), actorOf(r), s.Now())
	return "/tickets", err
}

func (s *server) doEndTicket(r *http.Request) (string, error) {
	_, err := s.Page.EndTicket(r.Context(), page.TicketID(r.PathValue("id")), strings.TrimSpace(r.FormValue("reason")), actorOf(r), s.Now())
	return "/tickets", err
}

// dueWords says on which business day a ticket is due, as clocks of its own hours show it.
func dueWords(t page.Ticket) string { return "due " + t.DueFrom.Format("Mon 2 Jan") }
