package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/remediate/script"
	"nightkeeper/internal/loop/respond"
)

// RunbookLine is a runbook as the list shows it.
type RunbookLine struct {
	Name     string            `json:"name"`
	Title    string            `json:"title"`
	Owner    string            `json:"owner"`
	Reviewed string            `json:"reviewed"`
	Risk     catalog.Risk      `json:"risk"`
	Triggers []catalog.Trigger `json:"triggers"`
	Runs     bool              `json:"runs" doc:"whether it has a script"`
}

// RunView is a run with its journal and approvals.
type RunView struct {
	remediate.Run
	Journal   []script.Entry       `json:"journal"`
	Approvals []remediate.Approval `json:"approvals"`
}

func (r *routes) remediate() {
	get(r, "/runbooks", "Runbooks, by name", "read", func(context.Context, *empty) ([]RunbookLine, error) {
		out := []RunbookLine{}
		for _, rb := range r.Catalog().Runbooks {
			out = append(out, RunbookLine{rb.Name, rb.Title(), rb.Owner, string(rb.Reviewed), rb.Risk, orEmpty(rb.Triggers), len(rb.Blocks) > 0})
		}
		slices.SortFunc(out, func(a, b RunbookLine) int { return strings.Compare(a.Name, b.Name) })
		return out, nil
	})
	get(r, "/runs", "Runs, the newest first", "read", func(ctx context.Context, in *struct {
		Incident string `query:"incident"`
	}) ([]remediate.Run, error) {
		rs, err := r.Remediate.List(ctx, respond.ID(in.Incident), 200)
		return orEmpty(rs), err
	})
	get(r, "/runs/{name}", "A run with its journal", "read", func(ctx context.Context, in *NameIn) (RunView, error) {
		run, journal, as, err := r.Remediate.Get(ctx, remediate.RunID(in.Name))
		return RunView{run, orEmpty(journal), orEmpty(as)}, err
	})
	call(r, http.MethodPost, "/runs", "Run a runbook for an incident", "respond", func(ctx context.Context, in *struct {
		Body struct {
			Incident string `json:"incident"`
			Runbook  string `json:"runbook"`
			DryRun   bool   `json:"dry_run,omitempty"`
		}
	}) (remediate.Run, error) {
		return r.Remediate.Start(ctx, respond.ID(in.Body.Incident), in.Body.Runbook, in.Body.DryRun, userOf(ctx).Name, r.Now())
	})
	get(r, "/approvals", "Approvals that wait for a decision", "read", func(ctx context.Context, _ *empty) ([]remediate.Approval, error) {
		as, err := r.Remediate.PendingApprovals(ctx)
		return orEmpty(as), err
	})
	call(r, http.MethodPost, "/runs/{name}/approvals/{seq}", "Grant or deny an approval", "respond", func(ctx context.Context, in *struct {
		NameIn
		Seq  int `path:"seq"`
		Body struct {
			Grant  bool   `json:"grant"`
			Reason string `json:"reason,omitempty"`
		}
	}) (remediate.Approval, error) {
		return r.Remediate.Decide(ctx, remediate.RunID(in.Name), in.Seq, in.Body.Grant, userOf(ctx).Name, in.Body.Reason, r.Now())
	})
	call(r, http.MethodPost, "/runs/{name}/steps/{seq}/settle", "Say whether a step happened that may or may not have", "respond", func(ctx context.Context, in *struct {
		NameIn
		Seq  int `path:"seq"`
		Body struct {
			Turn     int             `json:"turn" doc:"turn of the run when you looked; a later question is not answered by an earlier word"`
			Happened bool            `json:"happened" doc:"false: the step is done once more by the continued run"`
			Note     string          `json:"note,omitempty" doc:"how you know"`
			Result   json.RawMessage `json:"result,omitempty" doc:"what the step answered, when it happened"`
		}
	}) (remediate.Run, error) {
		a := remediate.Answer{Seq: in.Seq, Turn: in.Body.Turn, Happened: in.Body.Happened, Note: in.Body.Note, Result: in.Body.Result}
		return r.Remediate.Settle(ctx, remediate.RunID(in.Name), a, userOf(ctx).Name, r.Now())
	})
}
