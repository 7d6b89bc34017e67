package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/kit/errs"
)

// client talks to a running server. The token comes from NIGHTKEEPER_TOKEN, or from the data directory of a server on
// this machine.
type client struct {
	url, data string
	json      bool
	wait      time.Duration
}

// flags adds the flags that every command of a client has.
func (c *client) flags(cmd *cobra.Command) *cobra.Command {
	f := cmd.Flags()
	f.StringVar(&c.url, "url", envOr("NIGHTKEEPER_URL", "http://127.0.0.1:7777"), "address of the server")
	f.StringVar(&c.data, "data", envOr("NIGHTKEEPER_DATA", "nightkeeper-data"), "data directory of a server on this machine, for its token")
	f.BoolVar(&c.json, "json", false, "print the server's answer as JSON")
	return cmd
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func (c *client) token() string {
	if t := os.Getenv("NIGHTKEEPER_TOKEN"); t != "" {
		return t
	}
	b, err := os.ReadFile(filepath.Join(c.data, "cli-token"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// call makes one request, decodes the answer into out, and prints it when JSON was asked for.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	wait := c.wait
	if wait == 0 {
		wait = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.url, "/")+"/api/v1"+path, body)
	if err != nil {
		return exitError{exitUsage, fmt.Errorf("the server's address %q cannot be used; write http://127.0.0.1:7777: %w", c.url, err)}
	}
	req.Header.Set("Authorization", "Bearer "+c.token())
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "no answer from %s; is the server running? (--url, NIGHTKEEPER_URL)", c.url)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "the answer from %s broke off", c.url)
	}
	if resp.StatusCode >= 300 {
		return problemOf(resp.StatusCode, b)
	}
	if c.json {
		fmt.Println(strings.TrimSpace(string(b)))
	}
	if out == nil || len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return errs.Wrap(err, errs.Internal, "the answer from %s cannot be read", c.url)
	}
	return nil
}

// problemOf turns a problem+json answer into an error.
func problemOf(status int, b []byte) error {
	var p struct {
		Detail string    `json:"detail"`
		Code   errs.Code `json:"code"`
		Errors []struct {
			Message  string `json:"message"`
			Location string `json:"location"`
		} `json:"errors"`
	}
	if json.Unmarshal(b, &p) != nil || p.Detail == "" {
		p.Detail = fmt.Sprintf("the server answered %d", status)
	}
	for _, e := range p.Errors {
		p.Detail += fmt.Sprintf("; %s: %s", e.Location, e.Message)
	}
	if p.Code == "" {
		p.Code = errs.Invalid
		if status >= 500 {
			p.Code = errs.Unavailable
		}
	}
	return errs.New(p.Code, "%s", p.Detail)
}
