package main

import (
	"runtime"
	"runtime/debug"
)

// version is set by -ldflags "-X main.version=…"; a program that was built without it asks what the toolchain has noted.
var version = "dev"

// versionVerb prints the version.
type versionVerb struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Help teaches.
func (*versionVerb) Help() string {
	return `Prints the version of this program, the commit that it was built from where that is known, and the version of Go.

Examples:

  contrail version
  contrail version --json | jq -r .version`
}

// build is what is known of this program.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
}

// Run prints.
func (v *versionVerb) Run(a *app) error {
	info, _ := debug.ReadBuildInfo()
	built := describeBuild(version, info)
	if v.JSON {
		return a.printJSON(built)
	}
	commit := ""
	if built.Commit != "" {
		commit = " commit " + built.Commit
	}
	a.printf("contrail %s%s %s\n", built.Version, commit, built.Go)
	return nil
}

func describeBuild(version string, info *debug.BuildInfo) build {
	built := build{Version: version, Go: runtime.Version()}
	if info == nil {
		return built
	}
	if main := info.Main.Version; version == "dev" && main != "" && main != "(devel)" {
		built.Version = main
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			built.Commit = setting.Value
		}
	}
	return built
}
