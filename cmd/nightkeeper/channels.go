package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/app"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page"
)

// newOncallTest sends test messages.
func newOncallTest(c *client) *cobra.Command {
	everyone, all, wait, channel := false, false, false, ""
	cmd := &cobra.Command{
		Use: "test [PERSON]", Short: "Send a test message by every contact of a person, or of everybody, and say what happened", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if everyone == (len(args) == 1) || all && !everyone {
				return usage(cmd, errors.New("either a person or --everyone"))
			}
			in := map[string]any{}
			if all {
				in["all"] = true
			}
			if wait && !everyone {
				return usage(cmd, errors.New("--wait is for --everyone: the test of one person waits anyway"))
			}
			if everyone && channel != "" {
				return usage(cmd, errors.New("--channel is for one person"))
			}
			if len(args) == 1 {
				in["person"] = args[0]
			}
			if channel != "" {
				in["channel"] = channel
			}
			patient := *c
			patient.wait = 5 * time.Minute
			patient.json = c.json && !wait
			var out []page.Checked
			if err := patient.call(cmd.Context(), "POST", "/oncall/test", in, &out); err != nil {
				return err
			}
			if wait {
				if err := c.await(cmd.Context(), out); err != nil {
					return err
				}
				if c.json {
					if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
						return err
					}
				}
			}
			bad, queued := 0, 0
			w := table()
			if !c.json {
				fmt.Fprintln(w, "PERSON\tCHANNEL\tADDRESS\tRESULT")
			}
			for _, r := range out {
				result := "accepted: " + r.Text
				switch {
				case r.Queued:
					queued++
					result = r.Text
				case !r.OK:
					bad++
					result = "NOT REACHED: " + r.Text
				}
				if !c.json {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Person, r.Channel, r.Address, result)
				}
			}
			if err := w.Flush(); err != nil {
				return err
			}
			if queued > 0 && !c.json {
				fmt.Printf("%d on the way; nightkeeper oncall readiness says what becomes of them\n", queued)
			}
			if bad > 0 {
				return exitError{exitFailed, fmt.Errorf("%d of %d contacts do not work", bad, len(out))}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&everyone, "everyone", false, "everybody who is on call on some schedule within 30 days")
	cmd.Flags().BoolVar(&all, "all", false, "with --everyone: all people, on call or not")
	cmd.Flags().BoolVar(&wait, "wait", false, "with --everyone: wait until it is known what became of all of them")
	cmd.Flags().StringVar(&channel, "channel", "", "only the contacts of this channel, such as sms")
	return c.flags(cmd)
}

// await fills in what became of test messages that are on their way, when that is known of all.
func (c *client) await(ctx context.Context, out []page.Checked) error {
	quiet := *c
	quiet.json = false
	for {
		var rs []page.Readiness
		if err := quiet.call(ctx, "GET", "/oncall/readiness", nil, &rs); err != nil {
			return err
		}
		left := false
		for i := range out {
			for _, r := range rs {
				if !out[i].Queued || r.Person != out[i].Person || r.Channel != out[i].Channel || r.Key != out[i].Key {
					continue
				}
				if r.State == page.ReadyTesting {
					left = true
					continue
				}
				out[i].Queued, out[i].OK, out[i].Text = false, r.OK, r.Text
			}
		}
		if !left {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// newOncallReadiness shows what is known of every contact.
func newOncallReadiness(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "readiness", Short: "What became of the last test message by every contact, and whether the person said that it arrived", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var rs []page.Readiness
			if err := c.call(cmd.Context(), "GET", "/oncall/readiness", nil, &rs); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "PERSON\tCHANNEL\tADDRESS\tSTATE\tTESTED\tCONFIRMED\tRESULT")
			for _, r := range rs {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Person, r.Channel, r.Address, r.State, local(r.TestedAt), local(r.ConfirmedAt), r.Text)
			}
			return w.Flush()
		},
	})
}

// newWebhookKey shows or replaces the key of outgoing webhooks.
func newWebhookKey(c *client) *cobra.Command {
	rotate := false
	cmd := &cobra.Command{
		Use: "webhook-key", Short: "The key that receivers of webhooks check signatures with", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			method, path := "GET", "/webhook-keys"
			if rotate {
				method, path = "POST", "/webhook-keys/rotate"
			}
			var k struct {
				Key           string
				PreviousUntil time.Time `json:"previous_until"`
			}
			if err := c.call(cmd.Context(), method, path, nil, &k); err != nil || c.json {
				return err
			}
			fmt.Println(k.Key)
			if !k.PreviousUntil.IsZero() {
				fmt.Fprintf(os.Stderr, "messages are signed with the key before too, until %s\n", k.PreviousUntil.Local().Format(time.DateTime))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&rotate, "rotate", false, "make another key; the one before is good for a day more")
	return c.flags(cmd)
}

// checkChannels says what is wrong with a channels file, which contacts of the catalog it has nothing for, and which work.
func checkChannels(path string, c *catalog.Catalog) (problems []catalog.Problem, works page.Works) {
	if path == "" {
		return nil, nil
	}
	ch, err := app.ReadChannels(path)
	if err != nil {
		return []catalog.Problem{{File: path, Message: errs.Message(err)}}, nil
	}
	for _, text := range ch.Unreachable(c, true) {
		problems = append(problems, catalog.Problem{File: path, Message: "warning: " + text, Warning: true})
	}
	return problems, ch.Works(true)
}
