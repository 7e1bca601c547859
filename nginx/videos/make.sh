#!/usr/bin/env bash
# Generates the sample videos in this folder. Needs ffmpeg 5.1 with libx264, libx265 and libvpx; the same build of ffmpeg
# produces the same bytes every time.
set -euo pipefail
cd "$(dirname "$0")"

# One thread and bit-exact flags: no clock, random id or scheduling changes a byte.
make() { # file size seconds codec-and-container-options...
  ffmpeg -hide_banner -loglevel error -y -f lavfi -i "testsrc2=size=$2:rate=25:duration=$3" \
    -pix_fmt yuv420p -threads 1 -fflags +bitexact -flags:v +bitexact "${@:4}" "$1"
}

make test_1.avi 1280x720 3 -c:v libx264 -preset slow -crf 32
make test_2.mp4 1920x1080 2 -c:v libx264 -preset slow -crf 32 -movflags +faststart
make test_4.mkv 854x480 3 -c:v libx265 -preset medium -crf 34 -x265-params pools=none:frame-threads=1:log-level=error
make test_5.webm 640x360 3 -c:v libvpx-vp9 -row-mt 0 -deadline good -cpu-used 4 -b:v 0 -crf 45

# Coded 960x540, rotated by its display matrix, so shown as 540x960; mov without faststart puts the moov box last.
make upright.mov 960x540 3 -c:v libx264 -preset slow -crf 30
ffmpeg -hide_banner -loglevel error -y -i upright.mov -c copy -fflags +bitexact -metadata:s:v rotate=90 test_3.mov
rm upright.mov

# Damaged: a valid mp4 start (the ftyp box), followed by bytes from the middle of a stream; no moov box.
{ head -c 32 test_2.mp4; tail -c 40000 test_2.mp4; } >broken.mp4

ls -l -- *.avi *.mp4 *.mov *.mkv *.webm
