(()=>{
const d=document,base=new URL("./",d.currentScript.src),q=(s,e=d)=>[...e.querySelectorAll(s)];
const show=(id,focus)=>{
 q(".members-note").forEach(n=>{n.style.display=n.id===id?"block":"none";if(n.id===id&&focus)n.focus()});
 d.dispatchEvent(new CustomEvent("members:state",{detail:{state:id}}))
};
q(".members-note").forEach(n=>n.setAttribute("aria-live","polite"));
if(/^#members-/.test(location.hash)&&d.getElementById(location.hash.slice(1)))show(location.hash.slice(1),1);
const u=new URL(location),p=u.searchParams;
if(p.has("success")||p.has("stripe")){["action","success","errorCode","stripe"].forEach(k=>p.delete(k));history.replaceState(history.state,"",u)}
d.addEventListener("submit",async e=>{
 const f=e.target,p=new URL(f.action||location);
 if(f.dataset.plain||p.origin!==base.origin||!/\/members\/(subscribe|signup|signin)\/?$/.test(p.pathname))return;
 e.preventDefault();
 const b=new URLSearchParams(new FormData(f));
 if(!b.get("return_to"))b.set("return_to",location.href);
 f.setAttribute("aria-busy","true");
 try{
  const r=await fetch(p,{method:"POST",body:b,credentials:"include",headers:{Accept:"application/json"}}),a=await r.json();
  q("input",f).forEach(i=>i.removeAttribute("aria-invalid"));
  if(!r.ok&&r.status!==422)throw 0;
  const i=a.field&&f.elements[a.field];
  if(i&&i.focus){i.setAttribute("aria-invalid","true");i.setCustomValidity(a.message);i.reportValidity();i.focus();
   i.addEventListener("input",()=>i.setCustomValidity(""),{once:true})}
  show(a.state,!i)
 }catch(x){f.dataset.plain=1;f.submit()}
 f.removeAttribute("aria-busy")
});
fetch(new URL("api/member/",base),{credentials:"include"}).then(r=>{
 const on=r.status===200;
 q("[data-members-in]").forEach(n=>n.hidden=!on);
 q("[data-members-out]").forEach(n=>n.hidden=on)
}).catch(()=>{})
})()
