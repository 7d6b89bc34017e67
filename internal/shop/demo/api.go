package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// api talks JSON to one of the two processes.
type api struct {
	base  string
	token string
	http  http.Client
}

// call makes one request and decodes the answer into out, which may be nil.
func (a *api) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s answered %d: %s", method, path, resp.StatusCode, bytes.TrimSpace(b))
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// What the demo reads of Nightkeeper's answers.
type (
	incident struct {
		ID         string    `json:"id"`
		Group      string    `json:"group"`
		Title      string    `json:"title"`
		Severity   string    `json:"severity"`
		Status     string    `json:"status"`
		OpenedAt   time.Time `json:"opened_at"`
		ResolvedAt time.Time `json:"resolved_at"`
		Affected   []string  `json:"affected"`
		Impact     struct {
			LostRequests int64   `json:"lost_requests"`
			Revenue      float64 `json:"revenue"`
		} `json:"impact"`
		Cause *struct {
			Service string `json:"service"`
			Kind    string `json:"kind"`
		} `json:"cause"`
	}
	run struct {
		ID        string    `json:"id"`
		Incident  string    `json:"incident"`
		Runbook   string    `json:"runbook"`
		State     string    `json:"state"`
		StartedAt time.Time `json:"started_at"`
	}
	approval struct {
		Run  string `json:"run"`
		Seq  int    `json:"seq"`
		Text string `json:"text"`
	}
	page struct {
		ID    string   `json:"id"`
		Group string   `json:"group"`
		State string   `json:"state"`
		Told  []string `json:"told"`
	}
	fact struct {
		Seq   int64           `json:"seq"`
		Kind  string          `json:"kind"`
		At    time.Time       `json:"at"`
		Actor string          `json:"actor"`
		Text  string          `json:"text"`
		Group string          `json:"group"`
		Data  json.RawMessage `json:"data"`
	}
	status struct {
		Services int `json:"services"`
	}
	postmortem struct {
		ID       string `json:"id"`
		Incident string `json:"incident"`
	}
	experiment struct {
		Name     string `json:"name"`
		Incident string `json:"incident"`
	}
)
