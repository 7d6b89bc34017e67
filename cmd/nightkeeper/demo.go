package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/shop"
	"nightkeeper/internal/shop/demo"
)

func newDemo() *cobra.Command {
	var o demo.Options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Play an incident for real: 47 services, a fault, and everything that follows",
		Long: "Start Nightkeeper and a shop of 47 real HTTP services on this machine, break the shop, and follow what happens\n" +
			"on the terminal and on the web page. With --headless it ends by itself: exit code 0 when the incident ended resolved,\n" +
			"1 when not. Scenarios: " + strings.Join(demo.Scenarios(), ", ") + ".",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all := demo.Scenarios(); !slices.Contains(all, o.Scenario) {
				return exitError{exitUsage, fmt.Errorf("there is no scenario %q; write one of %s", o.Scenario, strings.Join(all, ", "))}
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			o.Self, o.Out = []string{self}, os.Stdout
			if o.JSON {
				o.Out = os.Stderr
			}
			res, err := demo.Run(cmd.Context(), o)
			if o.JSON {
				line, jerr := json.Marshal(res)
				if jerr != nil {
					return jerr
				}
				fmt.Println(string(line))
			}
			if errors.Is(err, demo.ErrNotResolved) {
				return exitError{exitFailed, err}
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Scenario, "scenario", "black-friday", strings.Join(demo.Scenarios(), ", "))
	f.BoolVar(&o.Headless, "headless", false, "play without a person, then end")
	f.BoolVar(&o.JSON, "json", false, "print the result as one JSON object, the last line of output")
	f.BoolVar(&o.Approve, "approve", false, "answer approvals with yes")
	f.BoolVar(&o.Prove, "prove", false, "run the proposed experiment after the incident")
	f.DurationVar(&o.For, "for", 6*time.Minute, "how long scenario none lasts")
	f.DurationVar(&o.Warmup, "warmup", 45*time.Second, "healthy time before the fault")
	f.StringVar(&o.DataDir, "data", "", "keep data here instead of a temporary directory")
	f.StringVar(&o.HTTPAddr, "http", "", "address of the pages and the API")
	f.StringVar(&o.ShopAddr, "shop-admin", "", "address of the shop's admin API")
	f.StringVar(&o.Database, "database-url", "", "postgres://… instead of SQLite")
	return cmd
}

func newShop() *cobra.Command {
	var o shop.Options
	cmd := &cobra.Command{
		Use:   "shop",
		Short: "Run only the demo's shop: 47 services that can be broken through an admin API",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.OTLPToken = os.Getenv("NIGHTKEEPER_TOKEN")
			o.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
			if err := shop.CheckAdmin(o.AdminAddr); err != nil {
				return usage(cmd, fmt.Errorf("--admin: %w", err))
			}
			if !(o.Journeys >= 0) {
				return usage(cmd, fmt.Errorf("--journeys is %v; it is 0 or more", o.Journeys))
			}
			return shop.Run(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.AdminAddr, "admin", shop.DefaultAdminAddr, "address of the admin API; loopback only")
	f.StringVar(&o.OTLPEndpoint, "otlp", "127.0.0.1:4317", "where telemetry goes, OTLP over gRPC")
	f.Float64Var(&o.Journeys, "journeys", shop.DefaultJourneys, "customer journeys per second")
	return cmd
}
