package localstack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// serverLog is the file that a server's programs print to.
type serverLog struct {
	path string
	mark int64 // where the last start's lines begin
}

// rotate moves the log of the run before this one aside, so that a kept folder holds the logs of two runs and no more.
func (l *serverLog) rotate() {
	_ = os.Rename(l.path, l.path+".1") // there may be none; what can't be moved is appended to
}

// open opens the file to append to, and marks where it stood.
func (l *serverLog) open() (*os.File, error) {
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	if l.mark, err = file.Seek(0, io.SeekEnd); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return file, nil
}

// printed returns at most the last 64 KiB of what was printed since the last open.
func (l *serverLog) printed() string {
	file, err := os.Open(l.path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	const limit = 64 << 10
	start := l.mark
	if info, err := file.Stat(); err == nil {
		start = max(start, info.Size()-limit)
	}
	text, err := io.ReadAll(io.NewSectionReader(file, start, limit))
	if err != nil {
		return ""
	}
	return string(bytes.ToValidUTF8(text, nil))
}

// linePrefix is the time and the process id before each line of the server's.
var linePrefix = regexp.MustCompile(`^[-0-9]+ [0-9:.]+ \S+ \[\d+\] `)

// explain tells in one sentence why a program ended, with the log's last lines, by which one sees the cause.
func (l *serverLog) explain(program string, err error) error {
	const last = 4
	if err == nil {
		err = errors.New("exit status 0")
	}
	lines := strings.Split(strings.TrimSpace(l.printed()), "\n")
	lines = lines[max(0, len(lines)-last):]
	for i := range lines {
		lines[i] = strings.TrimSpace(linePrefix.ReplaceAllString(lines[i], ""))
	}
	return fmt.Errorf("%s ended (%w); the log's last lines are: %s", program, err, strings.Join(lines, " / "))
}
