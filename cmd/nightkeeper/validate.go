package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect/slo"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/rota"
	"nightkeeper/internal/loop/remediate"
)

func newValidate() *cobra.Command {
	var asJSON bool
	var channels string
	cmd := &cobra.Command{
		Use:   "validate DIR",
		Short: "Check a catalog: every mistake with file, line, column and what would be right",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if _, err := os.ReadDir(args[0]); err != nil {
				return exitError{exitUsage, fmt.Errorf("the catalog cannot be read: %w; give the directory that its files are in", err)}
			}
			c, problems := catalog.Load(os.DirFS(args[0]))
			problems = append(problems, remediate.CheckRunbooks(c)...)
			problems = append(problems, slo.Lint(c)...)
			problems = append(problems, rota.Check(c, time.Now())...)
			others, works := checkChannels(channels, c)
			problems = append(problems, page.Lint(c, works, time.Now())...)
			if asJSON {
				problems = append(problems, others...)
				if problems == nil {
					problems = []catalog.Problem{}
				}
				if err := json.NewEncoder(os.Stdout).Encode(problems); err != nil {
					return err
				}
			} else {
				for _, p := range problems {
					p.File = filepath.Join(args[0], p.File)
					fmt.Println(p)
				}
				for _, p := range others {
					fmt.Println(p.Message)
				}
				problems = append(problems, others...)
			}
			if bad := catalog.Errors(problems); len(bad) > 0 {
				return exitError{exitFailed, fmt.Errorf("%s in %s", mistakes(len(bad)), args[0])}
			}
			if !asJSON {
				fmt.Printf("%s is good: %d services, %d SLOs, %d people, %d runbooks\n", args[0], len(c.Services), len(c.SLOs), len(c.People), len(c.Runbooks))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&channels, "channels", "", "check this channels file too, and the contacts against it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the problems as JSON")
	return cmd
}

func mistakes(n int) string {
	if n == 1 {
		return "1 mistake"
	}
	return fmt.Sprintf("%d mistakes", n)
}
