"""What machines say when all is well: examples written from their makers' documentation and docs/drivers/."""

from __future__ import annotations

import struct
import zlib

from firmware_bridge.pzem.parser import crc

GRBL = (
    b"Grbl 1.1h ['$' for help]\r\n$32=1\r\n<Idle|MPos:0.000,0.000,0.000|FS:0,0>\r\nok\r\n"
    b"<Run|MPos:13.972,0.000,0.000|FS:1200,500|Ov:100,100,100>\r\n[MSG:Pgm End]\r\n<Ho"
    b"ld:0|WPos:1,2,3|F:9>\r\n",
    b"ALARM:1\r\nerror:9\r\n[GC:G0 G54 G17]\r\n[VER:1.1h.20190830:]\r\n<Door:0|MPos:0"
    b",0|Bf:15,128|Ln:9|SD:4.5,a>\n",
)
MARLIN = (
    b"start\necho:Marlin 1.1.6\nok T:25.45 /0.00 B:25.45 /0.00 @:0 B@:0\necho:busy: processing\nResend: 7\n"
    b"FIRMWARE_NAME:Marlin 2.0.8 SOURCE_CODE_URL:x PROTOCOL_VERSION:1.0\nCap:AUTOREPORT_TEMP:1\n"
    b"SD printing byte 123/4567\nFile opened: a.gco Size: 4567\nDone printing file\nNot SD printing\n"
    b"echo:Print time: 1h 2m 3s\n// action:cancel\nError:Printer halted. kill() calle"
    b'd!\necho:Unknown command: "X"\n',
)
GCODE = (
    b"G28\nM82\nG92 E0\nG1 X1 Y2 E3.5\nM83\nG1 E-1\nG1 X9 E2.25 ; go\nM73 P10 "
    b"R9\nT1\nM200 D1.75\nG20\nG1 E1\n"
    b"; filament used [mm] = 434.0\n; filament used [g] = 1.25\n; estimated printing t"
    b"ime (normal mode) = 1h 2m 3s\n",
    b";FLAVOR:Marlin\n;TIME:3723\n;Filament used: 1.2m\nG1 X1 E1\n; total filament use"
    b"d [g] = 2.0\nM104 S200\nM117 Hi\n",
)
OCTOPRINT = (
    b'o\na[{"connected":{"version":"1.11.8"}}]\na[{"current":{"state":{"text":"Printin'
    b'g","flags":{"printing":true,'
    b'"operational":true}},"job":{"file":{"path":"a.gcode","origin":"local","size":900},"user":"ada"},'
    b'"progress":{"filepos":10,"printTime":5,"printTimeLeft":9,"completion":1.5},"serverTime":17.5,'
    b'"temps":[{"tool0":{"actual":20.1,"target":0}}]}}]\na[{"event":{"type":"PrintStar'
    b'ted","payload":{"path":"a.gcode",'
    b'"user":"ada"}}}]\na[{"event":{"type":"PrintDone","payload":{"path":"a.gcode","time":61.5}}}]',
)
MOONRAKER = (
    b'{"jsonrpc":"2.0","method":"notify_status_update","params":[{"print_stats":{"stat'
    b'e":"printing","filename":"a.g",'
    b'"print_duration":3.5,"total_duration":4,"filament_used":12.5},"extruder":{"tempe'
    b'rature":20,"target":9}},1.5]}\n'
    b'{"jsonrpc":"2.0","id":3,"result":{"jobs":[{"job_id":"0001","user":"ada","statu'
    b's":"completed","start_time":1.5,'
    b'"end_time":9.5,"print_duration":3,"filament_used":12,"filename":"a.g","metadat'
    b'a":{"filament_weight_total":2}}]}}\n'
    b'{"jsonrpc":"2.0","method":"notify_klippy_shutdown","params":[1.5]}\n{"jsonrp'
    b'c":"2.0","id":1,"error":{"message":"x"}}',
)
BAMBU = (
    b'{"print":{"command":"push_status","msg":0,"gcode_state":"RUNNING","subtask_nam'
    b'e":"a","task_id":"7","subtask_id":"8",'
    b'"mc_percent":12,"mc_remaining_time":9,"layer_num":3,"total_layer_num":20,"print_'
    b'error":0,"tray_now":"1",'
    b'"ams":{"ams":[{"id":"0","tray":[{"id":"1","remain":80,"tray_uuid":"A1","tray_typ'
    b'e":"PLA"}]}],"tray_now":"1"},'
    b'"hms":[{"attr":50331904,"code":65543}],"fun":"20000000","print_type":"cloud","gc'
    b'ode_start_time":"1700000000"}}\n'
    b'{"info":{"command":"get_version","module":[{"name":"ota","sw_ver":"01.07","sn":"01P0"}]}}\n'
    b'{"print":{"command":"project_file","param":"Metadata/plate_1.gcode","url":"ft'
    b'p://a.3mf","result":"success"}}\n'
    b'{"print":{"gcode_state":"FINISH","mc_percent":100}}',
)
PRUSALINK = (
    b'{"api":"2.0.0","server":"0.8.1","text":"PrusaLink","hostname":"mk3"}',
    b'{"printer":{"state":"PRINTING","temp_nozzle":20.5,"target_nozzle":200},"job":{"id":7,"progress":12.5,'
    b'"time_printing":61,"time_remaining":90},"storage":{"path":"/local/","name":"local"}}',
    b'{"id":7,"state":"PRINTING","file":{"name":"a.gco","display_name":"a.gcode","pat'
    b'h":"/local","size":900,'
    b'"refs":{"download":"/api/files/local/a.gcode"},"meta":{"filament used [m'
    b'm]":434.0,"filament used [g]":"1.2"}}}',
    b'{"storage_list":[{"path":"/local","type":"LOCAL","available":true,"free_space":9}]}',
    b'{"title":"x","text":"not there"}',
)
PLUGS = (
    b'{"id":2,"src":"p","dst":"s","result":{"id":0,"output":true,"apower":12.5,"aenergy":{"total":9.25}}}',
    b'{"src":"p","method":"NotifyStatus","params":{"ts":1.5,"switch:0":{"id":0,"apower":8,"output":false}}}',
    b'{"StatusSNS":{"Time":"2026-01-01T00:00:00","ENERGY":{"Total":1.234,"Power":[5,6]}},"POWER1":"ON"}',
    b'{"state":"ON","power":5.5,"energy":1.25,"update":{"state":"idle"}}\ntrue\nOfflin'
    b'e\nonline\n{"state":"online"}',
)
ANNOUNCED = (
    b'plug/online true\nus/rpc {"id":1,"src":"plug","result":{"id":"shellyplus1pm-1","'
    b'model":"S","gen":2,"app":"P"}}\n'
    b'tasmota/discovery/A1/config {"t":"plug","dn":"Plug","md":"X","ft":"%prefix%/%top'
    b'ic%/","tp":["cmnd","stat","tele"],'
    b'"rl":[1,0]}\ntasmota/discovery/A1/sensors {"sn":{"ENERGY":{"Total":1}},"ver":1}\n'
    b'zigbee2mqtt/bridge/devices [{"friendly_name":"z","definition":{"model":"m","vend'
    b'or":"v","exposes":[{"type":"switch",'
    b'"features":[{"property":"state"}]},{"property":"power"},{"property":"energy"}]}}]',
)
NAME = b"\x05_http\x04_tcp\x05local\0"
DNS = (
    struct.pack(">6H", 0, 0x8400, 0, 3, 0, 0)
    + NAME
    + struct.pack(">HHIH", 12, 1, 9, 7)
    + b"\x04octo\xc0\x0c"
    + b"\x04octo\xc0\x0c"
    + struct.pack(">HHIH", 33, 1, 9, 11)
    + struct.pack(">3H", 0, 0, 80)
    + b"\x02pi\xc0\x17"
    + b"\x04octo\xc0\x0c"
    + struct.pack(">HHIH", 16, 1, 9, 8)
    + b"\x07path=/x",
)
PZEM = bytes.fromhex("010414") + bytes(20)
PZEM += struct.pack("<H", crc(PZEM))
RUIDA = b"\xda\x01\x04\x00\0\0\0\0\x01\xcc\xda\x01\x05\x7e\0\0\0\0\x09\xd8\x00\xe7\x01name\0\x88\x01\x02\xd7"
TABLE = zlib.compress(b"filament used [mm]=434.0\nfilament used [g]=1.25\n")
BINARY_GCODE = b"GCDE" + struct.pack("<IHHHIIH", 1, 1, 2, 1, 48, len(TABLE), 0) + TABLE + bytes(4)
