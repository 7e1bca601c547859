const hls = (line: string, before = '') =>
  `#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:10\n${before}#EXTINF:10,\n${line}\n#EXT-X-ENDLIST\n`;

/**
 * Texts that make some video players open another file or host. EVIL stands for the host that must not be contacted,
 * FOLDER for the folder that contains bait.mp4.
 */
export const scripts: [name: string, text: string][] = [
  ['HLS, a host', hls('http://EVIL/a.ts')],
  ['HLS, a host with the scheme hls', hls('hls+http://EVIL/a.m3u8')],
  ['HLS, another playlist', `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://EVIL/a.m3u8\n`],
  ['HLS, a key', hls('bait.mp4', '#EXT-X-KEY:METHOD=AES-128,URI="http://EVIL/key"\n')],
  ['HLS, a map', hls('bait.mp4', '#EXT-X-MAP:URI="http://EVIL/init.mp4"\n')],
  ['HLS, a file next to it', hls('bait.mp4')],
  ['HLS, a file by its URL', hls('file://FOLDER/bait.mp4')],
  ['HLS, a file by its path', hls('FOLDER/bait.mp4')],
  ['HLS, part of a file', hls('subfile,,start,0,end,5607,,:FOLDER/bait.mp4')],
  ['HLS, concatenated', hls('concat:http://EVIL/head|file:FOLDER/bait.mp4')],
  ['HLS, encrypted', hls('crypto+http://EVIL/a.ts')],
  ['HLS, a data URL', hls('data:video/mp4;base64,AAAAIGZ0eXBpc29t')],
  ['HLS, over TCP', hls('tcp://EVIL')],
  ['HLS after a byte order mark', `\xef\xbb\xbf${hls('http://EVIL/a.ts')}`],
  ['HLS after white space', `\n\n  ${hls('http://EVIL/a.ts')}`],
  ['concat, a file', `ffconcat version 1.0\nfile 'FOLDER/bait.mp4'\n`],
  ['concat, a file next to it', `ffconcat version 1.0\nfile bait.mp4\n`],
  ['concat, a host', `ffconcat version 1.0\nfile 'http://EVIL/a.mp4'\n`],
  ['concat, an option', `ffconcat version 1.0\nfile bait.mp4\noption safe 0\n`],
  ['concat without its first line', `file 'bait.mp4'\nfile 'http://EVIL/a.mp4'\n`],
  ['DASH', `<?xml version="1.0"?><MPD><Period><BaseURL>http://EVIL/</BaseURL></Period></MPD>`],
  [
    'SDP',
    `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n`,
  ],
  ['ASX', `<ASX VERSION="3.0"><ENTRY><REF HREF="http://EVIL/a.mp4"/></ENTRY></ASX>`],
  ['a reference file', `[Reference]\nRef1=http://EVIL/a.mp4\n`],
  ['SMIL', `<smil><body><video src="http://EVIL/a.mp4"/></body></smil>`],
  ['a filter graph', `movie=FOLDER/bait.mp4`],
  ['a URL', `http://EVIL/a.mp4`],
  ['an RTSP URL', `rtsp://EVIL/a`],
  ['part of a file', `subfile,,start,0,end,5607,,:FOLDER/bait.mp4`],
  ['a data URL', `data:video/mp4;base64,AAAAIGZ0eXBpc29t`],
];

/** First bytes that identify an mp4, a Matroska file and an AVI. */
export const signatures = [
  '\0\0\0\x14ftypisom\0\0\0\0isom',
  '\x1aE\xdf\xa3\x8bB\x82\x88matroska',
  'RIFF\0\x10\0\0AVI ',
];
