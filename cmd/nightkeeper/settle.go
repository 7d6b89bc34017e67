package main

import (
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/remediate/script"
)

// runView is a run with its journal, as the server shows it.
type runView struct {
	remediate.Run
	Journal []script.Entry `json:"journal"`
}

func newSettle(c *client) *cobra.Command {
	var yes, no bool
	var note, result string
	cmd := &cobra.Command{
		Use:   "settle [RUN --happened|--did-not-happen]",
		Short: "List runs with a step that may or may not have happened, or say whether it did",
		Long: "A step that must not be repeated and whose answer was lost stops its run. Look at what the step acts on, then say what\n" +
			"you found: --happened counts it as done, --did-not-happen lets the run do it. Either way the run goes on.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.unsettled(cmd)
			}
			if yes == no {
				return usage(cmd, fmt.Errorf("give one of --happened and --did-not-happen"))
			}
			if result != "" && (no || !json.Valid([]byte(result))) {
				return usage(cmd, fmt.Errorf("--result is JSON and goes with --happened"))
			}
			return c.settle(cmd, args[0], yes, note, json.RawMessage(result))
		},
	}
	cmd.Flags().BoolVar(&yes, "happened", false, "the step happened; the run goes on behind it")
	cmd.Flags().BoolVar(&no, "did-not-happen", false, "the step did not happen; the run does it")
	cmd.Flags().StringVar(&note, "note", "", "how you know")
	cmd.Flags().StringVar(&result, "result", "", "what the step answered, as JSON")
	return c.flags(cmd)
}

// unsettled lists the runs that wait for somebody's word, and the step of each.
func (c *client) unsettled(cmd *cobra.Command) error {
	printJSON := c.json
	c.json = false
	var rs []remediate.Run
	if err := c.call(cmd.Context(), "GET", "/runs", nil, &rs); err != nil {
		return err
	}
	out := []runView{}
	for _, r := range rs {
		if r.State != remediate.Unknown {
			continue
		}
		v, err := c.look(cmd, string(r.ID))
		if err != nil {
			return err
		}
		out = append(out, v)
	}
	if printJSON {
		b, err := json.Marshal(out)
		if err != nil {
			return fmt.Errorf("encode runs: %w", err)
		}
		fmt.Println(string(b))
		return nil
	}
	if len(out) == 0 {
		fmt.Println("no run waits for somebody's word")
	}
	for _, v := range out {
		fmt.Printf("%s  %s for %s: %s\n", v.ID, v.Runbook, v.Incident, v.Reason)
	}
	return nil
}

func (c *client) look(cmd *cobra.Command, run string) (v runView, err error) {
	return v, c.call(cmd.Context(), "GET", "/runs/"+url.PathEscape(run), nil, &v)
}

// settle answers the question that the run has at this moment.
func (c *client) settle(cmd *cobra.Command, run string, happened bool, note string, result json.RawMessage) error {
	printJSON := c.json
	c.json = false
	v, err := c.look(cmd, run)
	if err != nil {
		return err
	}
	e, ok := remediate.Dangling(v.Journal)
	if !ok {
		return errs.New(errs.Conflict, "the run is %s: there is nothing to settle", v.State)
	}
	body := map[string]any{"turn": v.Turn, "happened": happened, "note": note}
	if len(result) > 0 {
		body["result"] = result
	}
	c.json = printJSON
	var r remediate.Run
	if err := c.call(cmd.Context(), "POST", fmt.Sprintf("/runs/%s/steps/%d/settle", url.PathEscape(run), e.Seq), body, &r); err != nil || c.json {
		return err
	}
	fmt.Printf("%s is %s: %s\n", r.ID, r.State, r.Reason)
	return nil
}
