package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/app"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/convert"
)

// newShadowReport compares what a server would have done with what another system did.
func newShadowReport() *cobra.Command {
	c := &client{wait: 5 * time.Minute}
	var from, to, theirs string
	cmd := &cobra.Command{
		Use:   "shadow-report SYSTEM [EXPORT]",
		Short: "Compare the pages of a server that runs with --shadow with what SYSTEM did in the same time",
		Long: "SYSTEM is pagerduty, opsgenie or grafana-oncall. EXPORT is a file or a directory of JSON as the API writes it; with --from-api the API\n" +
			"is asked, with the token in " + importToken + ". The report is Markdown, or JSON with --json; the server keeps it and shows it at /shadow.\n" +
			"The exit code is 1 when something differs.",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := convert.KnownBeside(args[0]); err != nil {
				return usage(cmd, err)
			}
			if (len(args) == 2) == (theirs != "") {
				return usage(cmd, fmt.Errorf("give an export or --from-api"))
			}
			now := time.Now().UTC()
			begin, end, err := between(from, to, now)
			if err != nil {
				return usage(cmd, err)
			}
			var e convert.Export
			if theirs == "" {
				if e, err = readExport(args[1]); err == nil {
					err = e.ExpectBeside(args[0])
				}
			} else {
				token := os.Getenv(importToken)
				if token == "" {
					return usage(cmd, fmt.Errorf("put the token for %s into %s", args[0], importToken))
				}
				e, err = app.Import{URL: theirs, Token: token, From: begin, To: end,
					Tell: func(text string) { fmt.Fprintln(os.Stderr, "nightkeeper:", text) }}.Beside(cmd.Context(), args[0])
			}
			if err != nil {
				return err
			}
			return compareWith(cmd, c, args[0], e, begin, end)
		},
	}
	cmd.Flags().StringVar(&theirs, "from-api", "", "ask the API of SYSTEM at this address, such as https://api.pagerduty.com")
	cmd.Flags().StringVar(&from, "from", "", "since when, such as 2026-11-01T00:00; default 30 days before --to")
	cmd.Flags().StringVar(&to, "to", "", "until when; default now")
	return c.flags(cmd)
}

// between reads a time that is over. Times without a zone are those of this machine.
func between(from, to string, now time.Time) (begin, end time.Time, err error) {
	end = now
	if to != "" {
		if end, err = catalog.Time(to).In(time.Local); err != nil {
			return begin, end, err
		}
	}
	begin = end.AddDate(0, 0, -30)
	if from != "" {
		begin, err = catalog.Time(from).In(time.Local)
	}
	if err == nil && !end.After(begin) {
		err = fmt.Errorf("--to is after --from")
	}
	return begin, end, err
}

func compareWith(cmd *cobra.Command, c *client, system string, e convert.Export, from, to time.Time) error {
	b, err := convert.Beside(system, e, from, to)
	if err != nil {
		return err
	}
	var r page.ShadowReport
	asJSON := c.json
	c.json = false
	if err := c.call(cmd.Context(), "POST", "/shadow", b, &r); err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	} else {
		_, err = fmt.Print(r.Markdown())
	}
	switch {
	case err != nil:
		return err
	case r.There == 0 && r.Here == 0:
		return errs.New(errs.NotFound, "%s", r.Verdict)
	case !r.Ready():
		return exitError{exitFailed, fmt.Errorf("not everything is the same: %s", r.Verdict)}
	}
	return nil
}
