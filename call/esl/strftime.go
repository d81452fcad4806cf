package esl

import (
	"strings"
	"time"
)

// strftime formats a time with C's conversions; those that it doesn't know stay as they are.
func strftime(t time.Time, format string) string {
	if format == "" {
		format = "%Y-%m-%d %T"
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		layout := map[byte]string{
			'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'T': "15:04:05", 'D': "01/02/06", 'F': "2006-01-02", 'R': "15:04",
			'y': "06", 'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", 'I': "03", 'p': "PM", 'j': "002", 'z': "-0700", 'Z': "MST",
		}[format[i]]
		switch {
		case layout != "":
			b.WriteString(t.Format(layout))
		case format[i] == 's':
			b.WriteString(epoch(t))
		case format[i] == '%':
			b.WriteByte('%')
		default:
			b.WriteString(format[i-1 : i+1])
		}
	}
	return b.String()
}
