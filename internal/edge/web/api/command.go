package api

import (
	"context"
	"net/http"

	"nightkeeper/internal/loop/respond"
)

// command adds the calls about regions, roles and handoffs.
func (r *routes) command() {
	get(r, "/regions", "Regions, and who commands for them now", "read", func(ctx context.Context, _ *empty) ([]respond.Watch, error) {
		ws, err := r.Respond.Watches(ctx, r.Now())
		return orEmpty(ws), err
	})
	call(r, http.MethodPost, "/incidents/{name}/roles", "Give a role of an incident to a person, or call whoever is on it", "respond", func(ctx context.Context, in *struct {
		NameIn
		Body struct {
			Role   string `json:"role" doc:"commander, scribe, communications, or a Role of the catalog"`
			Person string `json:"person,omitempty" doc:"empty to call whoever is on a Role of the catalog"`
		}
	}) (respond.Incident, error) {
		id := respond.ID(in.Name)
		var err error
		if in.Body.Person == "" {
			err = r.Respond.CallRole(ctx, id, in.Body.Role, userOf(ctx).Name, r.Now())
		} else {
			err = r.Respond.Assign(ctx, id, in.Body.Role, in.Body.Person, userOf(ctx).Name, r.Now())
		}
		if err != nil {
			return respond.Incident{}, err
		}
		return r.Respond.Get(ctx, id)
	})
	call(r, http.MethodPost, "/incidents/{name}/handoff", "Hand command over now", "respond", func(ctx context.Context, in *struct {
		NameIn
		Body struct {
			To string `json:"to,omitempty" doc:"a person; empty for whoever is on duty next"`
		}
	}) (respond.Handoff, error) {
		return r.Respond.HandOver(ctx, respond.ID(in.Name), in.Body.To, userOf(ctx).Name, r.Now())
	})
	get(r, "/handoffs", "Handoffs, the newest first", "read", func(ctx context.Context, in *struct {
		Incident string `query:"incident" doc:"only of this incident"`
		Limit    int    `query:"limit" default:"100" maximum:"1000"`
	}) ([]respond.Handoff, error) {
		hs, err := r.Respond.Handoffs(ctx, respond.ID(in.Incident), in.Limit)
		return orEmpty(hs), err
	})
	get(r, "/handoffs/quality", "How well command is handed over", "read", func(ctx context.Context, _ *empty) (respond.Quality, error) {
		return r.Respond.Quality(ctx, r.Now())
	})
	get(r, "/handoffs/{name}", "A handoff, with its document and questions", "read", func(ctx context.Context, in *NameIn) (respond.Handoff, error) {
		return r.Respond.HandoffOf(ctx, respond.HandoffID(in.Name))
	})
	// Each of these changes a handoff and answers with what it became.
	changed := func(ctx context.Context, name string, err error) (respond.Handoff, error) {
		if err != nil {
			return respond.Handoff{}, err
		}
		return r.Respond.HandoffOf(ctx, respond.HandoffID(name))
	}
	call(r, http.MethodPost, "/handoffs/{name}/accept", "Take command: you have read the document", "respond", func(ctx context.Context, in *NameIn) (respond.Handoff, error) {
		return changed(ctx, in.Name, r.Respond.Accept(ctx, respond.HandoffID(in.Name), userOf(ctx).Name, r.Now()))
	})
	call(r, http.MethodPost, "/handoffs/{name}/end", "End a handoff: the commander keeps command", "respond", func(ctx context.Context, in *struct {
		NameIn
		Body struct {
			Reason string `json:"reason"`
		}
	}) (respond.Handoff, error) {
		return changed(ctx, in.Name, r.Respond.EndHandoff(ctx, respond.HandoffID(in.Name), userOf(ctx).Name, in.Body.Reason, r.Now()))
	})
	call(r, http.MethodPut, "/handoffs/{name}/document", "Write open questions and next steps into the document", "respond", func(ctx context.Context, in *struct {
		NameIn
		Body struct {
			Questions string `json:"questions"`
			Next      string `json:"next"`
		}
	}) (respond.Handoff, error) {
		return changed(ctx, in.Name, r.Respond.EditDocument(ctx, respond.HandoffID(in.Name), in.Body.Questions, in.Body.Next, userOf(ctx).Name, r.Now()))
	})
	call(r, http.MethodPost, "/handoffs/{name}/questions", "Ask the outgoing commander", "respond", func(ctx context.Context, in *struct {
		NameIn
		Body struct {
			Text string `json:"text"`
		}
	}) (respond.Handoff, error) {
		return changed(ctx, in.Name, r.Respond.Ask(ctx, respond.HandoffID(in.Name), in.Body.Text, userOf(ctx).Name, r.Now()))
	})
	call(r, http.MethodPost, "/handoffs/{name}/questions/{number}/answer", "Answer a question", "respond", func(ctx context.Context, in *struct {
		NameIn
		Number int `path:"number" minimum:"1"`
		Body   struct {
			Text    string `json:"text,omitempty"`
			Already bool   `json:"already,omitempty" doc:"the document said so already: context was lost"`
		}
	}) (respond.Handoff, error) {
		return changed(ctx, in.Name, r.Respond.Reply(ctx, respond.HandoffID(in.Name), in.Number, in.Body.Text, in.Body.Already, userOf(ctx).Name, r.Now()))
	})
}
